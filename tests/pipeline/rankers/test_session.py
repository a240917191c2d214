"""The steps of sessions from which the session network learns."""

from __future__ import annotations

import numpy as np

from pipeline.log.sessions import Sessions
from pipeline.rankers.session import _steps

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
    assert _steps(PAGES, sessions([10, 20, 20, 30], [0, 1, 2, 3])).chosen.tolist() == [3]


def test_steps_that_a_list_may_have_counted_are_left_out() -> None:
    came = sessions([10, 20, 30, 20, 40], [0, 1, 2, 3, 4])
    hours = np.array([5, 6, 7, 8, 9], "datetime64[h]").astype("datetime64[us]")
    found = _steps(PAGES, came._replace(time=hours), np.array([np.inf, 0.0, 8.0, 0.0, np.inf]))
    assert (found.trigger.tolist(), found.chosen.tolist()) == ([3, 2], [2, 4])
