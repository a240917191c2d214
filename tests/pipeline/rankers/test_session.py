"""The lists that weigh the session network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cascade.types import Candidates, Query
from pipeline.pages.page_ids import page_ids
from pipeline.rankers import session
from pipeline.rankers.held_out_lists import HELD_OUT, LEARNT, ListRecorder, read_lists
from pipeline.runner.work import Work
from ranking.event import Event
from ranking.examples import hours
from ranking.features import STAGE2
from tests.conftest import CONFIG, Tiny


def test_a_page_that_rankers_learnt_from_has_its_first_list_alone(tmp_path: Path) -> None:
    recorder, days = ListRecorder(), []
    for day in (1, 2):
        event = Event(7, np.array([2], np.uint64), np.ones(1, np.float32), None, np.datetime64(f"2026-01-0{day}"))
        listed = Candidates(np.arange(day, dtype=np.uint64))
        recorder.add(Query("https://a.example/", 7, at=hours(event)), listed, np.zeros((day, len(STAGE2)), np.float32))
        days.append([event])
    recorder.save_first(tmp_path / LEARNT, days)
    _, lists = read_lists(tmp_path / LEARNT)
    assert (lists.page.tolist(), lists.size.tolist(), lists.gain.tolist()) == ([7], [1], [0.0])


def test_pages_that_stage_2_learnt_from_have_lists_too(tiny: Tiny) -> None:
    work = Work(CONFIG, tiny.work / "session", tiny.work)
    held_out, both = session._lists(work, HELD_OUT), session._lists(work, HELD_OUT, LEARNT)
    learnt = read_lists(tiny.work / "stage2" / LEARNT)[1].page
    assert len(learnt)
    assert not held_out.have(np.searchsorted(page_ids(work), learnt) + 1).any()
    assert both.have(np.searchsorted(page_ids(work), learnt) + 1).all()
    place = np.searchsorted(both.row, held_out.row)
    width = held_out.score.shape[1]
    assert np.array_equal(both.candidates[place, :width], held_out.candidates)
    assert np.allclose(both.score[place, :width], held_out.score)


def test_a_page_that_is_loaded_again_is_no_step() -> None:
    pages = np.array([10, 20, 30], np.uint64)
    visits = np.array([10, 10, 20, 20, 30, 10, 30], np.uint64)
    first = np.array([1, 1, 1, 1, 1, 2, 2], np.uint64)
    times = np.zeros(len(visits), "datetime64[us]")
    steps = session._steps(pages, session.Sessions(first, visits, times, np.arange(7, dtype=np.int32)))
    assert (steps.trigger.tolist(), steps.chosen.tolist()) == ([2], [3])
    assert steps.history[0, -2:].tolist() == [0, 1]
