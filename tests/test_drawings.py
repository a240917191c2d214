"""The drawings in README.md and docs/ show what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.build import config_of
from cli.inspect import cascade, steps
from cli.options import Profile
from pipeline import graph
from service.settings import read_settings
from tests.conftest import Tiny

ROOT = Path(__file__).resolve().parent.parent
UPDATE = "--update-drawings"


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption(UPDATE))


def check(file: str, block: str, drawing: str, update: bool) -> None:
    """Compare the block of a file with a drawing, or put the drawing there."""
    text = (ROOT / file).read_text()
    begin, end = f"<!-- {block}:begin -->\n", f"<!-- {block}:end -->\n"
    before, _, rest = text.partition(begin)
    expected = f"{before}{begin}```mermaid\n{drawing}\n```\n{end}{rest.partition(end)[2]}"
    if update:
        (ROOT / file).write_text(expected)
    else:
        assert text == expected, f"{file} shows an older drawing: run .venv/bin/pytest tests/test_drawings.py {UPDATE}"


def test_the_readme_draws_the_cascade_of_the_default_settings(tiny: Tiny, update: bool) -> None:
    settings = read_settings(None, (), {})
    drawing = cascade.drawing(cascade.parts_of(tiny.bundle, settings), settings.budget_ms)
    check("README.md", "cascade", drawing, update)


def test_the_build_document_draws_the_build_graph_of_the_default_profile(update: bool) -> None:
    config = config_of(None, Profile.QUICK, None)
    check("docs/build.md", "steps", steps.drawing(graph.steps(config)), update)
