from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.graph import steps
from pipeline.labels.student_judge import StudentJudge
from pipeline.pages.page_tokens import page_tokens
from pipeline.runner.work import Work
from ranking.cross_encoder.pairs import open_pair_model
from recall.qprime.row import read
from store.tables import LmdbTable
from tests.conftest import CONFIG

BY_STUDENT = CONFIG.model_copy(update={"qprime": type(CONFIG.qprime)(judge="student")})


def order(config: BuildConfig) -> list[str]:
    return [step.name for step in steps(config)]


@pytest.mark.parametrize("config", [CONFIG, BY_STUDENT])
def test_every_step_comes_after_its_inputs(config: BuildConfig) -> None:
    names = order(config)
    for step in steps(config):
        assert all(names.index(before) < names.index(step.name) for before in step.after), step.name


def test_a_student_that_judges_is_trained_first() -> None:
    assert order(CONFIG).index("qprime") < order(CONFIG).index("student")
    assert order(BY_STUDENT).index("qprime") > order(BY_STUDENT).index("student")


def test_the_student_judges_the_found_pages(tiny, tmp_path: Path) -> None:
    tiny.link(tmp_path / "bundles", work=True)
    build(tiny.data, tmp_path / "bundles", BY_STUDENT, only=["qprime"])
    work = tmp_path / "bundles" / "work"
    table = LmdbTable(work / "qprime" / "qprime.lmdb")
    rows = {page: read(row) for page, row in table.items()}
    table.close()
    judge = StudentJudge(Work(BY_STUDENT, work, work))
    page, row = next((page, row) for page, row in rows.items() if len(row.pages) > 3)
    expected = judge(np.full(len(row.pages), page, np.uint64), row.pages)
    assert np.abs(row.quality - expected).max() < 0.1  # int8 scores move a little with the batch
    assert (np.diff(row.quality) <= 0).all()


def test_a_page_outside_the_tables_is_judged_by_its_tokens(tiny) -> None:
    work = Work(CONFIG, tiny.work, tiny.work)
    tokens = page_tokens(work)
    known = np.array([StudentJudge(work)._pages[n] for n in (0, 7)], np.uint64)
    stranger = StudentJudge(work, {5: tokens[0]})
    one, two = np.array([5], np.uint64), known[1:]
    assert stranger(one, two) == pytest.approx(StudentJudge(work)(known[:1], two))
    model = open_pair_model(tiny.work / "student" / EXPORTED, tokens.tokenizer.marks)
    assert stranger(one, two) == pytest.approx(model.run([tokens[0]], [tokens[7]])[1], abs=1e-3)
    with pytest.raises(KeyError):
        stranger(np.array([6], np.uint64), two)
