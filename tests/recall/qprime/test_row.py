import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.qprime.row import MAX_PAGES, day_of, is_row, pack, read

QUERIES = ["red fox", "arctic fox fur", "fennec"]


def test_a_packed_row_reads_back_unchanged() -> None:
    pages = np.array([2**64 - 1, 7, 9], np.uint64)
    row = read(pack(pages, np.array([4.0, 2.0, 0.0], np.float32), np.array([1, 0, 2]), QUERIES))
    assert row.pages.tolist() == pages.tolist()
    assert row.queries == ("red fox", "arctic fox fur", "fennec")
    assert [row.queries[i] for i in row.query] == ["arctic fox fur", "red fox", "fennec"]
    assert np.abs(row.quality - [4.0, 2.0, 0.0]).max() < 0.01


def test_queries_that_found_nothing_are_left_out() -> None:
    row = read(pack(np.array([1], np.uint64), np.ones(1, np.float32), np.array([2]), QUERIES))
    assert row.queries == ("fennec",)
    assert row.query.tolist() == [0]


def test_an_empty_row_reads_back_empty() -> None:
    row = read(pack(np.empty(0, np.uint64), np.empty(0, np.float32), np.empty(0, np.intp), QUERIES))
    assert len(row.pages) == 0
    assert row.queries == ()


def test_a_row_has_the_day_on_which_it_was_made() -> None:
    row = pack(np.array([1], np.uint64), np.ones(1, np.float32), np.array([0]), ["fox"], day=20_001)
    assert (read(row).day, day_of(row)) == (20_001, 20_001)


def test_a_line_break_in_a_query_does_not_split_it() -> None:
    row = read(pack(np.array([1], np.uint64), np.ones(1, np.float32), np.array([0]), ["red\nfox"]))
    assert row.queries == ("red fox",)


def test_more_than_thirty_pages_are_refused() -> None:
    many = MAX_PAGES + 1
    with pytest.raises(ValueError, match="at most 30"):
        pack(np.arange(many, dtype=np.uint64), np.ones(many, np.float32), np.zeros(many, np.intp), QUERIES)


def test_thirty_pages_and_six_queries_fit_in_450_bytes() -> None:
    queries = [f"a query of words {i}" for i in range(6)]
    row = pack(np.arange(30, dtype=np.uint64), np.ones(30, np.float32), np.arange(30) % 6, queries)
    assert len(row) < 450


def test_a_packed_row_is_valid_and_a_truncated_one_is_not() -> None:
    nothing = pack(np.empty(0, np.uint64), np.empty(0, np.float32), np.empty(0, np.intp), QUERIES)
    whole = pack(np.array([1, 2], np.uint64), np.ones(2, np.float32), np.array([0, 2]), QUERIES)
    assert is_row(5, nothing) and is_row(5, whole)
    for end in range(whole.index(b"fennec")):
        assert not is_row(5, whole[:end])
    assert not is_row(5, nothing + b"fox")
    assert not is_row(5, whole + b"\nfox")
    assert not is_row(5, whole + b"\xff")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_not_valid_rows(noise: bytes) -> None:
    if is_row(5, noise):
        row = read(noise)
        assert len([row.queries[number] for number in row.query]) == len(row.pages)
