from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from configs import threads
from pipeline.answers import makers, step
from pipeline.answers.makers import Maker
from pipeline.answers.rows_so_far import RowsSoFar
from pipeline.answers.step import answers
from pipeline.config import AnswersConfig
from pipeline.graph import steps
from pipeline.runner.work import Work
from store.answer_row import is_row
from store.tables import LmdbTable
from tests.conftest import CONFIG, Tiny


def work(tiny: Tiny, directory: Path, **limits: float) -> Work:
    config = CONFIG.model_copy(update={"answers": AnswersConfig(**limits)})
    return Work(config, directory, tiny.work)


def rows(directory: Path) -> dict[int, bytes]:
    table = LmdbTable(directory / "answers.lmdb")
    found = {page: row for page, row in table.items() if page}
    table.close()
    return found


def test_as_many_pages_as_are_wanted_are_answered_the_most_clicked_first(tiny: Tiny, tmp_path: Path) -> None:
    figures = answers(work(tiny, tmp_path, most_pages=6))
    found = rows(tmp_path)
    assert figures["pages"] == len(found) == 6
    assert all(is_row(page, row) for page, row in found.items())
    clicks = _clicks(tiny)
    assert min(clicks[page] for page in found) >= sorted(clicks.values())[-6]


def test_no_more_megabytes_are_made_than_are_wanted(tiny: Tiny, tmp_path: Path) -> None:
    answers(work(tiny, tmp_path, most_mb=0.002))
    assert 2_000 <= sum(map(len, rows(tmp_path).values())) < 3_000


def test_a_run_ends_in_time(tiny: Tiny, tmp_path: Path) -> None:
    answers(work(tiny, tmp_path, most_minutes=1e-9))
    assert len(rows(tmp_path)) == 1


@pytest.mark.parametrize("limit", ["most_pages", "most_minutes", "most_mb"])
def test_0_leaves_the_step_out_of_the_build(limit: str) -> None:
    config = CONFIG.model_copy(update={"answers": AnswersConfig(**{limit: 0})})
    assert "answers" not in [one.name for one in steps(config)]


def test_a_killed_run_goes_on_where_it_stopped(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, resumed, put = tmp_path / "whole", tmp_path / "resumed", RowsSoFar.put
    whole.mkdir()
    resumed.mkdir()
    answers(work(tiny, whole, most_pages=8))

    def killed(self: RowsSoFar, page: int, row: bytes) -> None:
        put(self, page, row)
        if self.pages == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(RowsSoFar, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        answers(work(tiny, resumed, most_pages=8))
    monkeypatch.undo()
    made: list[int] = []
    open_makers = step.open_makers

    @contextmanager
    def counting(*arguments: Any) -> Iterator[Maker]:
        with open_makers(*arguments) as make:
            yield lambda pages: make([made.append(page) or page for page in pages])

    monkeypatch.setattr(step, "open_makers", counting)
    answers(work(tiny, resumed, most_pages=8))
    assert len(made) == 3
    assert rows(resumed) == rows(whole)
    assert sorted(path.name for path in resumed.iterdir()) == ["answers.lmdb"]


def test_several_processes_make_the_same_rows(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_used", 2)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    answers(work(tiny, one, most_pages=12))
    monkeypatch.setattr(makers, "_FEW", 0)
    monkeypatch.setattr(makers, "_CHUNK", 4)
    answers(work(tiny, two, most_pages=12))
    assert rows(one) == rows(two)


def _clicks(tiny: Tiny) -> dict[int, int]:
    from store.page_row import read_facts

    table = LmdbTable(tiny.bundle.file("tables/pages.lmdb"))
    facts = read_facts([row for _, row in table.items()])
    table.close()
    return dict(zip(facts["page"].tolist(), facts["clicks_all"].tolist(), strict=True))
