from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.measures import PERSISTENCE, overlap, rank_biased_overlap, rank_correlation

LISTS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


def test_overlap_is_the_share_of_common_pages() -> None:
    assert overlap("abcde", "abxyz") == 0.4
    assert overlap("abc", "abcde") == 0.6
    assert (overlap("", ""), overlap("", "a")) == (1.0, 0.0)


@given(LISTS, LISTS)
def test_rank_biased_overlap_is_symmetric_and_between_0_and_1(left: list[str], right: list[str]) -> None:
    found = rank_biased_overlap(left, right)
    assert 0 <= found <= 1
    assert found == pytest.approx(rank_biased_overlap(right, left))


@given(LISTS)
def test_a_list_is_like_itself_and_unlike_one_without_its_pages(pages: list[str]) -> None:
    assert rank_biased_overlap(pages, pages) == pytest.approx(1)
    if pages:
        assert rank_biased_overlap(pages, [page.upper() for page in pages]) == 0


def test_a_difference_at_the_top_counts_more_than_one_at_the_end() -> None:
    assert rank_biased_overlap("abcde", "abcdx") > rank_biased_overlap("abcde", "xbcde")


def test_rank_biased_overlap_of_equal_lengths_is_the_formula_of_the_paper() -> None:
    agreement = [len({*"abc"[:d]} & {*"bax"[:d]}) / d for d in (1, 2, 3)]
    p = PERSISTENCE
    expected = agreement[2] * p**3 + (1 - p) / p * sum(agreement[d - 1] * p**d for d in (1, 2, 3))
    assert rank_biased_overlap("abc", "bax") == pytest.approx(expected)


def test_rank_correlation_is_of_common_pages() -> None:
    assert rank_correlation("abc", "xabyc") == 1
    assert rank_correlation("abc", "cba") == -1
    assert math.isnan(rank_correlation("abc", "axy"))
