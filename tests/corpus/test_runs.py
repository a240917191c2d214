from __future__ import annotations

import numpy as np

from corpus.runs import runs, steps


def test_a_run_is_told_by_its_first_row_and_the_one_after_its_last() -> None:
    assert runs(np.array([3, 3, 5])) == [(0, 2), (2, 3)]
    assert runs(np.empty(0, np.uint64)) == []


def test_a_step_goes_to_the_next_place_of_the_same_visit_and_to_another_page() -> None:
    session = np.array([1, 1, 1, 1, 2], np.uint64)
    page = np.array([7, 8, 8, 9, 7], np.uint64)
    place = np.array([0, 1, 2, 4, 0], np.int32)
    assert steps(session, page, place).tolist() == [True, False, False, False]
