"""A step reads the steps that it declares, and no others: its key is made of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import BuildConfig
from pipeline.graph import STEPS
from pipeline.runner.runner import Runner
from pipeline.runner.step import Step
from pipeline.runner.work import UndeclaredInputError, Work


def test_a_step_that_reads_what_it_does_not_declare_is_refused(tmp_path: Path) -> None:
    def soup(work: Work) -> dict[str, object]:
        return {"water": str(work.of("shop")), "bread": str(work.of("bread"))}

    steps = [Step("shop", lambda work: {}), Step("bread", lambda work: {}), Step("soup", soup, after=("shop",))]
    with pytest.raises(UndeclaredInputError, match="step soup reads bread: add 'bread' to `after` in the STEP of soup"):
        Runner(tmp_path, BuildConfig(), "").run(steps)


def test_a_step_does_not_read_its_own_last_run(tmp_path: Path) -> None:
    def soup(work: Work) -> dict[str, object]:
        return {"yesterday": str(work.of("soup"))}

    with pytest.raises(UndeclaredInputError, match="step soup reads soup"):
        Runner(tmp_path, BuildConfig(), "").run([Step("soup", soup)])


def test_a_command_reads_every_step_of_a_finished_build(tmp_path: Path) -> None:
    work = Work(BuildConfig(), tmp_path, tmp_path)
    assert [work.of(step.name) for step in STEPS] == [tmp_path / step.name for step in STEPS]
