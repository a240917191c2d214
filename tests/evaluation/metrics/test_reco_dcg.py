import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.reco_dcg import discount, reco_dcg

SECOND = 1 / np.log2(3)  # 0.6309…; the discount of the third position is exactly one half


def rows(*answers: list[float]) -> np.ndarray:
    return np.array(answers, float)


def test_the_discounts_by_hand() -> None:
    assert discount(3) == pytest.approx([1, SECOND, 0.5])


def test_three_answers_by_hand() -> None:
    found = reco_dcg(rows([4, 4, 4, 4, 4], [2, 4, 0, 1, 3], [0, 0, 0, 0, 0]), 3)
    by_hand = 25 * (2 * 1 + 4 * SECOND + 0 * 0.5) / (1 + SECOND + 0.5)  # 53.08…
    assert found == pytest.approx([100, by_hand, 0])


def test_at_one_only_the_first_position_counts() -> None:
    assert reco_dcg(rows([3, 0, 0]), 1) == pytest.approx([75])


def test_missing_positions_are_worth_nothing() -> None:
    assert reco_dcg(rows([4]), 3) == pytest.approx([100 / (1 + SECOND + 0.5)])


def test_an_unjudged_position_is_left_out_of_both_sums() -> None:
    assert reco_dcg(rows([4, np.nan, 2]), 3) == pytest.approx([25 * (4 + 2 * 0.5) / 1.5])


def test_an_answer_that_nobody_judged_has_no_figure() -> None:
    assert np.isnan(reco_dcg(rows([np.nan] * 5), 5)).all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 4), min_size=5, max_size=5), st.sampled_from([1, 3, 5]))
def test_it_lies_between_the_worst_and_the_best_position(qualities: list[float], k: int) -> None:
    (found,) = reco_dcg(rows(qualities), k)
    assert 25 * min(qualities[:k]) - 1e-9 <= found <= 25 * max(qualities[:k]) + 1e-9


@settings(deadline=None)
@given(st.lists(st.floats(0, 4), min_size=5, max_size=5), st.permutations(range(5)))
def test_no_order_beats_sorting_by_quality(qualities: list[float], order: list[int]) -> None:
    best = sorted(qualities, reverse=True)
    found = reco_dcg(rows(best, [best[i] for i in order]), 5)
    assert found[1] <= found[0] + 1e-9
