"""The steps of sessions from which the session network learns, and the lists that weigh it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from cascade.types import Candidates, Query
from pipeline.log.sessions import Sessions, sessions_of
from pipeline.log.split import ALL, PAST, split_of
from pipeline.log.withheld import withheld_pages
from pipeline.pages.page_ids import page_ids
from pipeline.rankers.held_out_lists import HELD_OUT, LEARNT, ListRecorder, read_lists
from pipeline.rankers.session import _among, _steps, session, trained
from pipeline.runner.work import Work
from ranking.event import Event
from ranking.examples import hours
from ranking.features import STAGE2
from tests.conftest import CONFIG, Tiny
from tests.recall.half_new import half_new


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
    work, pages = Work(CONFIG, tiny.work / "session", tiny.work), page_ids(Work(CONFIG, tiny.work, tiny.work))
    came = sessions_of(work, split_of(work)["labels_from"], None)
    (held_out, few), (both, more) = (_among(work, pages, came, *files) for files in ((HELD_OUT,), (HELD_OUT, LEARNT)))
    learnt = np.searchsorted(pages, read_lists(tiny.work / "stage2" / LEARNT)[1].page) + 1
    assert len(learnt)
    assert not np.isin(learnt, held_out.row).any()
    assert np.isin(learnt, both.row).all()
    assert len(few) < len(more)
    place = np.searchsorted(both.row, held_out.row)
    width = held_out.score.shape[1]
    assert np.array_equal(both.candidates[place, :width], held_out.candidates)
    assert np.allclose(both.score[place, :width], held_out.score)


PAGES = np.array([10, 20, 30, 40], np.uint64)


def sessions(pages: list[int], places: list[int]) -> Sessions:
    count = len(pages)
    time = np.zeros(count, "datetime64[us]")
    return Sessions(np.ones(count, np.uint64), np.array(pages, np.uint64), time, np.array(places, np.int32))


def test_a_step_has_the_way_before_it() -> None:
    found = _steps(PAGES, sessions([10, 20, 30, 40], [0, 1, 2, 3]))
    assert (found.trigger.tolist(), found.chosen.tolist()) == ([2, 3], [3, 4])
    assert found.history[:, -2:].tolist() == [[0, 1], [1, 2]]


def test_pages_with_an_unknown_one_between_them_are_no_step() -> None:
    found = _steps(PAGES, sessions([10, 20, 30, 40], [0, 1, 3, 4]))
    assert (found.trigger.tolist(), found.chosen.tolist()) == ([3], [4])
    assert found.history[0, -2:].tolist() == [1, 2]


def test_a_page_that_is_loaded_again_is_no_step() -> None:
    found = _steps(PAGES, sessions([10, 10, 20, 20, 30], [0, 1, 2, 3, 4]))
    assert (found.trigger.tolist(), found.chosen.tolist()) == ([2], [3])
    assert found.history[0, -2:].tolist() == [0, 1]


def test_steps_that_a_list_may_have_counted_are_left_out() -> None:
    came = sessions([10, 20, 30, 20, 40], [0, 1, 2, 3, 4])
    hours = np.array([5, 6, 7, 8, 9], "datetime64[h]").astype("datetime64[us]")
    found = _steps(PAGES, came._replace(time=hours), np.array([np.inf, 0.0, 8.0, 0.0, np.inf]))
    assert (found.trigger.tolist(), found.chosen.tolist()) == ([3, 2], [2, 4])


def test_pages_that_rankers_must_take_for_new_are_new_to_the_weighed_network(tiny: Tiny, tmp_path: Path) -> None:
    half_new(tiny, tmp_path)
    few = dataclasses.replace(CONFIG.session, draws=64, batch=4)
    work = Work(CONFIG.model_copy(update={"session": few}), tmp_path, tmp_path)
    pages, since = page_ids(work), split_of(work)["labels_from"]
    past, whole = trained(work, pages, PAST, since), trained(work, pages, ALL, None)
    assert past is not None
    assert whole is not None
    hidden = np.flatnonzero(np.isin(pages, withheld_pages(work))) + 1
    assert not past.vectors.learnt[hidden].any()
    assert len(np.unique(past.vectors.clicks[hidden])) == 1
    assert whole.vectors.learnt[hidden].any()


def test_few_held_out_steps_are_joined_by_those_on_other_pages(tiny: Tiny, tmp_path: Path) -> None:
    few = dataclasses.replace(CONFIG.session, draws=512, batch=64, fewest_steps=1)

    def weighed_on(enough: int) -> object:
        config = CONFIG.model_copy(update={"session": dataclasses.replace(few, enough_steps=enough)})
        return session(Work(config, tmp_path, tiny.work))["steps"]

    assert 0 < weighed_on(1) < weighed_on(1_000)
