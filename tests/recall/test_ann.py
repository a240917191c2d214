from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from recall import ann

PAGES = np.array([50, 10, 30, 20], np.uint64)
VECTORS = np.array([[0, 2, 0], [3, 0, 0], [0, 0, 0], [1, 1, 0]], np.float32)  # 30 has no vector
EAST = np.array([1, 0, 0], np.float32)


@pytest.fixture
def index() -> ann.AnnIndex:
    return ann.build(PAGES, VECTORS)


def test_pages_without_a_vector_are_left_out(index: ann.AnnIndex) -> None:
    assert index.pages.tolist() == [10, 20, 50]
    assert index.vector(30) is None
    assert index.row(99) is None


def test_vectors_have_length_one(index: ann.AnnIndex) -> None:
    assert index.vector(50).tolist() == [0, 1, 0]
    assert np.linalg.norm(index.vector(20)) == pytest.approx(1)


def test_the_nearest_come_first(index: ann.AnnIndex) -> None:
    pages, cosines = index.search(EAST, 2)
    assert pages.tolist() == [10, 20]
    assert cosines.tolist() == pytest.approx([1, 0.5**0.5])


def test_asking_for_more_than_there_are_gives_all(index: ann.AnnIndex) -> None:
    assert len(index.search(EAST, 1000)[0]) == 3


def test_cosines_of_pages_that_the_index_does_not_hold_are_nan(index: ann.AnnIndex) -> None:
    cosines = index.cosines(EAST, np.array([20, 30, 2**64 - 1, 10, 0], np.uint64))
    assert cosines.dtype == np.float32
    assert np.isnan(cosines).tolist() == [False, True, True, False, True]
    assert cosines[3] == pytest.approx(1)


def test_cosines_from_an_unknown_page_are_all_nan(index: ann.AnnIndex) -> None:
    assert np.isnan(index.cosines_from(99, PAGES)).all()


def test_an_index_comes_back_as_it_was_saved(index: ann.AnnIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "pages")
    loaded = ann.load(tmp_path / "pages")
    assert loaded.pages.tolist() == index.pages.tolist()
    assert loaded.search(EAST, 3)[1].tolist() == index.search(EAST, 3)[1].tolist()


def test_an_index_and_pages_that_do_not_fit_are_refused(index: ann.AnnIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "pages")
    np.save(tmp_path / "pages.pages.npy", PAGES)
    with pytest.raises(ValueError, match="the index holds 3 vectors for 4 pages"):
        ann.load(tmp_path / "pages")


def test_an_empty_index_compares_and_finds_nothing() -> None:
    empty = ann.build(np.empty(0, np.uint64), np.empty((0, 3), np.float32))
    assert len(empty.search(EAST, 5)[0]) == 0
    assert np.isnan(empty.cosines(EAST, PAGES)).all()


def test_neighbour_weights_of_a_page_sum_to_one_beside_its_own() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(30, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = ann.build(np.arange(1, 31, dtype=np.uint64), vectors)
    page, neighbour, weight = ann.neighbour_weights(index, vectors, 5, 4.0)
    own = page == neighbour
    assert weight[own].tolist() == [1.0] * 30
    sums = np.bincount(page[~own].astype(int), weight[~own], minlength=31)[1:]
    assert sums.tolist() == pytest.approx([1.0] * 30)
    assert np.bincount(page[~own].astype(int)).max() <= 6


@pytest.mark.parametrize("rows", [ann._FLAT_BELOW, ann._HNSW_BELOW])
def test_larger_indexes_are_of_another_kind(rows: int) -> None:
    small, large = ann._new_index(rows - 1, 64), ann._new_index(rows, 64)
    assert type(small) is not type(large)


def test_an_index_that_does_not_fit_on_the_disk_is_an_error_and_not_a_shorter_file(tmp_path: Path) -> None:
    index = ann.build(np.arange(100, dtype=np.uint64), np.eye(100, dtype=np.float32))
    index.save(tmp_path / "whole")
    size = (tmp_path / "whole.faiss").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 100, limits[1]))  # the last bytes: those that a buffer holds
    try:
        with pytest.raises(OSError, match="too large"):
            index.save(tmp_path / "short")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
