import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.metrics.bootstrap import difference, interval


def test_two_values_by_hand() -> None:
    found = interval(np.array([0.0, 1.0]))  # a sample mean is 0, ½ or 1 with probabilities ¼, ½, ¼
    assert (found.mean, found.low, found.high) == (0.5, 0, 1)


def test_the_interval_of_a_mean_matches_theory() -> None:
    values = np.random.default_rng(0).normal(3, 2, 2_000)
    found = interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert [found.low, found.high] == pytest.approx([found.mean - half, found.mean + half], abs=0.02)


def test_values_of_one_query_are_drawn_together() -> None:
    query = np.repeat(np.arange(50), 40)
    values = np.random.default_rng(1).random(50)[query]  # 2,000 values, of which only 50 are independent
    together, apart = interval(values, query), interval(values)
    assert together.mean == apart.mean
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_rows_of_a_query_need_not_be_adjacent() -> None:
    values, query = np.array([0.0, 1.0, 0.0, 1.0]), np.array([5, 9, 5, 9])
    assert interval(values, query) == interval(values[[0, 2, 1, 3]], query[[0, 2, 1, 3]])


def test_nan_values_are_left_out() -> None:
    assert interval(np.array([np.nan, 2.0, np.nan, 4.0])).mean == 3


def test_no_values_have_no_interval() -> None:
    assert interval(np.array([np.nan])).as_dict() == {"mean": None, "low": None, "high": None}
    assert interval(np.empty(0)).as_dict()["mean"] is None


def test_a_paired_difference_has_a_narrower_interval_than_the_means() -> None:
    control = np.random.default_rng(2).normal(0, 10, 500)
    found = difference(control + 1, control)
    assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1))


def test_a_row_that_is_nan_on_one_side_is_in_neither_mean() -> None:
    treatment, control = np.array([2.0, np.nan, 6.0]), np.array([1.0, 90.0, 5.0])
    assert difference(treatment, control).mean == 1
    assert difference(treatment, control, relative=True).mean == pytest.approx(100 / 3)


def test_a_difference_needs_equal_lengths() -> None:
    with pytest.raises(ValueError, match="2 values against 1"):
        difference(np.zeros(2), np.zeros(1))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).random(30)
    assert interval(values, seed=4) == interval(values, seed=4) != interval(values, seed=5)


@settings(deadline=None)
@given(arrays(float, st.integers(1, 40), elements=st.floats(-100, 100)))
def test_the_interval_lies_within_the_values(values: np.ndarray) -> None:
    found = interval(values, samples=50)
    assert values.min() - 1e-9 <= found.low <= found.high <= values.max() + 1e-9
