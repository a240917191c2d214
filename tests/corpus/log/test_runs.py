from __future__ import annotations

import numpy as np

from corpus.log.runs import runs, steps


def test_a_run_is_a_half_open_interval() -> None:
    assert runs(np.array([3, 3, 5])) == [(0, 2), (2, 3)]
    assert runs(np.empty(0, np.uint64)) == []


def test_a_step_leads_to_the_next_place_of_the_visit_and_another_page() -> None:
    session = np.array([1, 1, 1, 1, 2], np.uint64)
    page = np.array([7, 8, 8, 9, 7], np.uint64)
    place = np.array([0, 1, 2, 4, 0], np.int32)
    assert steps(session, page, place).tolist() == [True, False, False, False]
