from __future__ import annotations

import numpy as np
import pytest

from cascade.deadline import Deadline
from cascade.types import Candidates, Query

THREE = Candidates(np.array([3, 1, 2], np.uint64), {"x": np.array([30, 10, 20])})


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'x' has 2 rows; there are 3 candidates"):
        THREE.with_columns({"x": np.zeros(2)})


def test_rows_are_taken_by_index_in_the_given_order() -> None:
    taken = THREE.take(np.array([2, 0]))
    assert taken.pages.tolist() == [2, 3]
    assert taken["x"].tolist() == [20, 30]


def test_rows_are_taken_by_mask() -> None:
    assert THREE.take(np.array([False, True, True]))["x"].tolist() == [10, 20]


def test_with_columns_does_not_change_the_original() -> None:
    added = THREE.with_columns({"y": np.zeros(3)})
    assert [*added.columns] == ["x", "y"]
    assert [*THREE.columns] == ["x"]


def test_empty_candidates_have_the_right_dtype() -> None:
    assert len(Candidates.empty()) == 0
    assert Candidates.empty().pages.dtype == np.uint64


@pytest.mark.parametrize(("title", "snippet", "expected"), [("a", "", True), ("", "b", True), (" ", "\n", False)])
def test_a_query_has_text_when_the_caller_sent_some(title: str, snippet: str, expected: bool) -> None:
    assert Query("https://a.example/", page=1, title=title, snippet=snippet).has_text is expected


def test_a_step_waits_no_longer_than_the_deadline_allows() -> None:
    assert Deadline.after(0.01).within(5.0) <= 0.01
    assert Deadline.after(0.1).within(0.05) == 0.05


def test_a_larger_budget_gives_every_part_more_time() -> None:
    assert Deadline.after(3).within(0.03) == pytest.approx(0.9)
    assert Deadline.after(0.05).within(0.03) == 0.03


def test_a_passed_deadline_leaves_nothing() -> None:
    assert Deadline.after(-1).remaining() == 0.0


def test_offline_work_has_no_timeout() -> None:
    assert Deadline.never().within(0.03) is None
