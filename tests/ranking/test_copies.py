import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cascade.types import Candidates
from ranking.copies import without_copies

KEYS = st.integers(1, 6)


def rows(addresses: list[int], copies: list[int], prints: list[int]) -> Candidates:
    columns = zip(("address", "copy", "fingerprint"), (addresses, copies, prints), strict=True)
    pages = np.arange(len(addresses), dtype=np.uint64)
    return Candidates(pages, {name: np.array(values, np.uint64) for name, values in columns})


def test_the_best_of_each_page_keeps_its_place() -> None:
    candidates = rows([1, 2, 3, 4, 1, 6], [1, 2, 2, 4, 5, 6], [0, 0, 0, 0xFF << 30, 0, 0xFE << 30])
    assert without_copies(candidates, np.array([5, 4, 3, 2, 1, 0]), 9).tolist() == [5, 4, 2]


def test_worse_pages_move_up_into_places_that_copies_held() -> None:
    candidates = rows(list(range(1, 11)), [1] * 8 + [9, 10], [0] * 10)
    assert without_copies(candidates, np.arange(10), 3).tolist() == [0, 8, 9]


def test_rows_without_a_key_are_copies_of_none() -> None:
    assert without_copies(rows([1, 2], [0, 0], [0, 0]), np.arange(2), 2).tolist() == [0, 1]


@given(st.lists(st.tuples(KEYS, KEYS), max_size=40), st.integers(1, 10))
def test_all_kept_rows_differ_and_none_is_kept_in_vain(keys: list[tuple[int, int]], most: int) -> None:
    candidates = rows([a for a, _ in keys], [b for _, b in keys], [0] * len(keys))
    kept = without_copies(candidates, np.arange(len(keys)), most)
    assert len(kept) <= most
    assert (np.diff(kept) > 0).all()
    for name in ("address", "copy"):
        assert len(np.unique(candidates[name][kept])) == len(kept)
