"""Each contract accepts a correct plug-in, and each of its rules rejects one that breaks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contracts.filter import FilterContract
from contracts.hydrator import AnytimeHydratorContract
from contracts.query_writer import QueryWriterContract
from contracts.recall_path import RecallPathContract
from contracts.scorer import ScorerContract
from contracts.search_engine import SearchEngineContract
from contracts.side_effect import SideEffectContract
from contracts.unknown_pages import UnknownPagesContract

ROOT = Path(__file__).parents[2]
TOYS = Path(__file__).parent / "toys"
CONTRACTS = {
    "recall_paths": RecallPathContract,
    "scorers": ScorerContract,
    "filters": FilterContract,
    "hydrators": AnytimeHydratorContract,
    "search_engines": SearchEngineContract,
    "side_effects": SideEffectContract,
    "query_writers": QueryWriterContract,
    "unknown_pages": UnknownPagesContract,
}
#: Runs random calls: it may notice what other rules are there for.
GENERAL = {"test_any_sequence_of_calls_does_as_the_rules_say"}


def run_pytest(*arguments: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest as a plug-in's author does: in another directory, without this repository's settings."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "-W", "error"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]  # pytest-asyncio warns where it is not set
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TOYS}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[ElementTree.Element]:
    """The report of every contract's tests on every toy."""
    directory = tmp_path_factory.mktemp("toys")
    report = directory / "report.xml"
    files = [TOYS / f"{name}.py" for name in CONTRACTS]
    done = run_pytest(
        "--tb=no", "-p", "name_toys", f"--rootdir={TOYS}", f"--junitxml={report}", *files, directory=directory
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return list(ElementTree.parse(report).iter("testcase"))


def rules(cases: list[ElementTree.Element], kind: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return which rules each toy failed, and which it is meant to fail."""
    failed: dict[str, set[str]] = defaultdict(set)
    broken: dict[str, set[str]] = {}
    for case in cases:
        if case.attrib["classname"].split(".")[-2] == kind:
            properties = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
            broken[properties["toy"]] = set(properties["breaks"].split())
            if case.find("failure") is not None or case.find("error") is not None:
                failed[properties["toy"]].add(case.attrib["name"].partition("[")[0])
    return {toy: failed[toy] - (GENERAL - broken[toy]) for toy in broken}, broken


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_toy_fails_the_rules_that_it_breaks_and_no_others(cases: list[ElementTree.Element], kind: str) -> None:
    failed, broken = rules(cases, kind)
    assert failed == broken
    assert sum(not rules for rules in broken.values()) == 1  # the correct one


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_rule_is_broken_by_a_toy(cases: list[ElementTree.Element], kind: str) -> None:
    _, broken = rules(cases, kind)
    assert set().union(*broken.values()) == {name for name in dir(CONTRACTS[kind]) if name.startswith("test_")}


def test_the_example_of_the_guide_works_when_copied(tmp_path: Path) -> None:
    _, _, section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Test a plug-in\n")
    example = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert example is not None
    (tmp_path / "test_freshness.py").write_text(example[1])
    done = run_pytest("test_freshness.py", directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout
