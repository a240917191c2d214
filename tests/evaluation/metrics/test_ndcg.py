import math
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluation.metrics.ndcg import NextPage, click_ndcg, next_page, ranks

THIRD = 1 / math.log2(3)  # the discount of the second position


def pages(*ids: int) -> np.ndarray:
    return np.array(ids, np.uint64)


def places(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text], bool)


def test_ranks_start_at_one_and_are_zero_for_missing_pages() -> None:
    assert ranks(pages(5, 7, 9), pages(7, 1, 5, 7)).tolist() == [2, 0, 1, 2]


def test_an_empty_list_ranks_nothing() -> None:
    assert ranks(pages(), pages(7, 1)).tolist() == [0, 0]


def test_no_wanted_pages_have_no_ranks() -> None:
    assert ranks(pages(1, 2), pages()).tolist() == []


def test_the_means_over_pairs_by_hand() -> None:
    found = next_page(places(1, 3, 0, 6, 31), [])
    assert found.recall_at_30 == pytest.approx(3 / 5)  # 1, 3 and 6; 31 is one too low
    assert found.hit_rate_at_5 == pytest.approx(2 / 5)
    assert found.ndcg_at_5 == pytest.approx((1 + 1 / 2) / 5)  # 1 / log2(1 + 3) is a half
    assert found.click_ndcg_at_5 is None


def test_the_last_ranks_that_count_are_30_and_5() -> None:
    found = next_page(places(30, 5), [])
    assert (found.recall_at_30, found.hit_rate_at_5) == (1, 0.5)


def test_without_pairs_only_impressions_count() -> None:
    assert next_page(places(), [0.5, 1.0]) == NextPage(None, None, None, 0.75)


def test_figures_are_rounded_to_four_places_and_missing_ones_are_none() -> None:
    figures = NextPage(1 / 3, 2 / 3, None, 0.5).as_dict()
    assert figures == {
        "recall_at_30": 0.3333,
        "hit_rate_at_5": 0.6667,
        "ndcg_at_5": None,
        "click_ndcg_at_5": 0.5,
    }


@pytest.mark.parametrize(
    ("order", "clicked", "expected"),
    [
        ((1, 2, 3), "x..", 1),
        ((2, 1, 3), "x..", THIRD),  # the clicked page is second
        ((3, 2, 1), "xx.", (THIRD + 1 / 2) / (1 + THIRD)),  # second and third; ideal would be first and second
        ((6, 1, 2, 3, 4, 5), "x.....", 0),  # beyond the first five
        ((1, 2), "..", 0),
    ],
)
def test_the_gain_of_an_impression_by_hand(order: tuple[int, ...], clicked: str, expected: float) -> None:
    assert click_ndcg(places(*order), mask(clicked)) == pytest.approx(expected)


@pytest.mark.parametrize("clicked", ["x..", ".x.", "xxx"])
def test_an_empty_ranking_gains_nothing(clicked: str) -> None:
    assert click_ndcg(places(0, 0, 0), mask(clicked)) == 0


def test_a_page_that_is_not_listed_takes_no_position_and_gains_nothing() -> None:
    assert click_ndcg(places(0, 0, 9), mask("x.x")) == pytest.approx(1 / (1 + THIRD))


def test_pages_with_the_same_rank_share_positions_whatever_the_logged_order() -> None:
    for clicked in ("x..", ".x.", "..x"):
        assert click_ndcg(places(4, 4, 4), mask(clicked)) == pytest.approx((1 + THIRD + 1 / 2) / 3)


def test_the_true_order_beats_an_empty_ranking_on_a_biased_log() -> None:
    """Readers look only at the first position, the strongest possible bias."""
    attraction = np.array([0.1, 0.4, 0.2])
    true_order = np.argsort(np.argsort(-attraction)) + 1
    assert click_ndcg(true_order, mask("x..")) > click_ndcg(places(0, 0, 0), mask("x..")) == 0


def test_ranks_may_have_gaps() -> None:
    assert click_ndcg(places(28, 11), mask(".x")) == 1


@st.composite
def impressions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 12))
    listed = draw(st.permutations(range(1, size + 1)))
    missing = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    clicked = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return places(*(0 if gone else rank for rank, gone in zip(listed, missing, strict=True))), np.array(clicked, bool)


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(impressions())
def test_a_gain_lies_between_0_and_1(impression: tuple[np.ndarray, np.ndarray]) -> None:
    assert 0 <= click_ndcg(*impression) <= 1 + 1e-12


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(impressions(), st.data())
def test_one_more_clicked_page_in_a_list_never_lowers_its_gain(
    impression: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    order, clicked = impression
    missing = np.flatnonzero((order == 0) & clicked)
    assume(len(missing))
    more = np.where(order > 0, order * 2, 0)  # leaves gaps between ranks
    more[data.draw(st.sampled_from(missing.tolist()))] = data.draw(st.integers(0, len(order))) * 2 + 1
    assert click_ndcg(more, clicked) >= click_ndcg(order, clicked) - 1e-12


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(impressions(), st.randoms(use_true_random=False))
def test_the_logged_order_does_not_matter(impression: tuple[np.ndarray, np.ndarray], random: Random) -> None:
    order, clicked = impression
    shuffled = list(range(len(order)))
    random.shuffle(shuffled)
    assert click_ndcg(order[shuffled], clicked[shuffled]) == pytest.approx(click_ndcg(order, clicked))


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(impressions())
def test_clicked_pages_first_is_ideal(impression: tuple[np.ndarray, np.ndarray]) -> None:
    _, clicked = impression
    ideal = np.argsort(np.argsort(~clicked, kind="stable"), kind="stable") + 1
    assert click_ndcg(ideal, clicked) == pytest.approx(float(clicked.any()))


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_ndcg_is_at_most_the_hit_rate_and_that_at_most_recall(numbers: list[int]) -> None:
    found = next_page(places(*numbers), [])
    assert found.ndcg_at_5 <= found.hit_rate_at_5 + 1e-12
    assert found.hit_rate_at_5 <= found.recall_at_30


@settings(deadline=None)  # avoids flaky failures on a busy machine
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.data())
def test_a_page_that_moves_up_never_lowers_a_figure(numbers: list[int], data: st.DataObject) -> None:
    moved = list(numbers)
    pair = data.draw(st.integers(0, len(numbers) - 1))
    moved[pair] = data.draw(st.integers(1, numbers[pair]))
    before, after = next_page(places(*numbers), []), next_page(places(*moved), [])
    assert after.recall_at_30 >= before.recall_at_30
    assert after.hit_rate_at_5 >= before.hit_rate_at_5
    assert after.ndcg_at_5 >= before.ndcg_at_5 - 1e-12
