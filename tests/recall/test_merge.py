from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.executor import NOT_RECALLED
from cascade.types import Candidates
from recall import merge as merging
from recall.merge import merge

PATHS = st.dictionaries(
    st.sampled_from(["coclick", "cf", "two_tower"]), st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=20)
)


def found(pages: list[int]) -> Candidates:
    return Candidates(np.array(pages, np.uint64))


def test_a_page_that_two_paths_found_is_one_row_with_both_ranks() -> None:
    merged = merge({"a": found([9, 3]), "b": found([3])})
    assert merged.pages.tolist() == [3, 9]
    assert merged["rank_a"].tolist() == [1, 0]
    assert merged["rank_b"].tolist() == [0, NOT_RECALLED]


def test_columns_of_a_path_are_zero_where_it_found_nothing() -> None:
    counts = Candidates(np.array([9], np.uint64), {"count": np.array([4.0], np.float32)})
    merged = merge({"a": counts, "b": found([3])})
    assert merged["count"].tolist() == [0.0, 4.0]
    assert merged["count"].dtype == np.float32


def test_columns_hold_what_their_path_declares_where_it_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "COLUMNS", {"nearness": -1.0})
    near = Candidates(np.array([9], np.uint64), {"nearness": np.array([0.5], np.float32)})
    assert merge({"a": near, "b": found([3])})["nearness"].tolist() == [-1.0, 0.5]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.bool_])
def test_a_column_that_cannot_hold_what_its_path_declares_becomes_float32(
    monkeypatch: pytest.MonkeyPatch, dtype: type[np.generic]
) -> None:
    monkeypatch.setattr(merging, "COLUMNS", {"visits": np.nan, "place": -1.0})
    one = np.ones(1, dtype)
    merged = merge({"a": Candidates(np.array([9], np.uint64), {"visits": one, "place": one}), "b": found([3])})
    np.testing.assert_array_equal(merged["visits"], np.array([np.nan, 1.0], np.float32), strict=True)
    np.testing.assert_array_equal(merged["place"], np.array([-1.0, 1.0], np.float32), strict=True)


def test_a_path_without_candidates_has_a_rank_column_all_the_same() -> None:
    assert merge({"a": found([5]), "b": found([])})["rank_b"].tolist() == [NOT_RECALLED]


def test_no_found_pages_give_no_candidates() -> None:
    assert len(merge({"a": found([]), "b": found([])})) == 0


@given(PATHS)
def test_every_page_appears_once_in_ascending_order(paths: dict[str, list[int]]) -> None:
    merged = merge({name: found(pages) for name, pages in paths.items()})
    assert merged.pages.tolist() == sorted({page for pages in paths.values() for page in pages})


@given(PATHS)
def test_ranks_restore_the_order_of_each_path(paths: dict[str, list[int]]) -> None:
    merged = merge({name: found(pages) for name, pages in paths.items()})
    if not len(merged):
        return
    for name, pages in paths.items():
        rank = merged[f"rank_{name}"]
        held = rank != NOT_RECALLED
        assert merged.pages[held][np.argsort(rank[held])].tolist() == pages
