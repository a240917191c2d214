"""`onward inspect --cascade`."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from recall.paths import PATHS
from tests.conftest import Tiny


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)], env={"COLUMNS": "160", "TERM": "dumb"})


def rows(tiny: Tiny, *overrides: str) -> list[list[str]]:
    """Return the words of each row of the table."""
    given = [part for override in overrides for part in ("--set", override)]
    done = invoke("--cascade", "--bundles", tiny.bundles, *given)
    assert done.exit_code == 0, done.output
    return [line.split() for line in done.output.splitlines()]


def test_the_table_shows_limits_and_timeouts_of_the_live_settings(tiny: Tiny) -> None:
    shown = rows(tiny, "recall.cf.limit=7", "recall.cf.timeout_ms=12.5", "stage1.keep_top=21", "budget_ms=80")
    assert shown[0][-2:] == ["80", "ms"]
    assert ["recall", "cf", "7", "12.5", "ms", "recall/cf/lookup.py"] in shown
    assert any(row[:3] == ["stage", "stage1", "21"] for row in shown)
    assert any(row[:2] == ["fallback", "popular"] for row in shown)


def test_a_path_or_filter_that_is_off_is_not_shown(tiny: Tiny) -> None:
    def named(*overrides: str) -> set[tuple[str, ...]]:
        return {tuple(row[:2]) for row in rows(tiny, *overrides)}

    off = named() - named("recall.qprime.limit=0", "filters.adult=false")
    assert off == {("recall", "qprime"), ("filter", "adult")}


def test_mermaid_draws_the_path_from_the_request_to_the_answer(tiny: Tiny) -> None:
    drawing = invoke("--cascade", "--mermaid", "--bundles", tiny.bundles).output
    for arrow in (
        r"cache -->\|\"miss\"\| deadline", "merge --> hydrate", "filters --> stage_stage1",
        r"stage_stage1 -->\|\"at most 30\"\| stage_stage2", r"filters -.->\|\"none left\"\| fallback",
        "select --> answer",
    ):  # fmt: skip
        assert re.search(rf"^    {arrow}\W", drawing, re.MULTILINE), arrow
    paths = " & ".join(f"recall_{path.name}" for path in PATHS)
    assert f"{paths} --> merge" in drawing


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("--cascade",), "name a directory of published bundles"),
        ((), "name a directory of published bundles"),
        (("--steps", "--cascade"), "give one of --steps and --cascade"),
        (("--mermaid",), "give one of --steps and --cascade"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given: tuple[str, ...], problem: str) -> None:
    done = invoke(*given)
    assert done.exit_code == 2
    assert problem in done.output
