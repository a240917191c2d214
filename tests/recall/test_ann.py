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


def test_a_limit_above_the_number_of_pages_returns_all(index: ann.AnnIndex) -> None:
    assert len(index.search(EAST, 1000)[0]) == 3


def test_cosines_of_pages_outside_the_index_are_nan(index: ann.AnnIndex) -> None:
    cosines = index.cosines(EAST, np.array([20, 30, 2**64 - 1, 10, 0], np.uint64))
    assert cosines.dtype == np.float32
    assert np.isnan(cosines).tolist() == [False, True, True, False, True]
    assert cosines[3] == pytest.approx(1)


def test_cosines_from_an_unknown_page_are_all_nan(index: ann.AnnIndex) -> None:
    assert np.isnan(index.cosines_from(99, PAGES)).all()


def test_a_saved_index_loads_unchanged(index: ann.AnnIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "pages")
    loaded = ann.load(tmp_path / "pages")
    assert loaded.pages.tolist() == index.pages.tolist()
    assert loaded.search(EAST, 3)[1].tolist() == index.search(EAST, 3)[1].tolist()


def test_an_index_with_another_number_of_pages_is_refused(index: ann.AnnIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "pages")
    np.save(tmp_path / "pages.pages.npy", PAGES)
    with pytest.raises(ValueError, match="the index holds 3 vectors for 4 pages"):
        ann.load(tmp_path / "pages")


def test_an_empty_index_compares_and_finds_nothing() -> None:
    empty = ann.build(np.empty(0, np.uint64), np.empty((0, 3), np.float32))
    assert len(empty.search(EAST, 5)[0]) == 0
    assert np.isnan(empty.cosines(EAST, PAGES)).all()


def test_neighbour_weights_of_a_page_sum_to_one() -> None:
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
def test_larger_indexes_have_another_type(rows: int) -> None:
    small, large = ann._new_index(rows - 1, 64), ann._new_index(rows, 64)
    assert type(small) is not type(large)


def test_a_full_disk_is_an_error_and_not_a_truncated_index(tmp_path: Path) -> None:
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


def clustered(rows: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    """Return unit vectors that lie in groups of twenty, as pages of one topic do."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(rows // 20, dimension))
    vectors = centres[generator.integers(len(centres), size=rows)] + 0.5 * generator.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def recall_at_50(index: ann.AnnIndex, vectors: np.ndarray, asked: np.ndarray) -> float:
    nearest = np.argsort(-asked @ vectors.T, axis=1)[:, :50]
    found = [set(index.search(vector, 50)[0].tolist()) for vector in asked]
    return float(np.mean([len(set(row.tolist()) & pages) / 50 for row, pages in zip(nearest, found, strict=True)]))


@pytest.fixture(params=["flat", "hnsw", "ivf", "ivf of an odd dimension"], scope="module")
def of_each_kind(request: pytest.FixtureRequest) -> tuple[ann.AnnIndex, np.ndarray]:
    """An index of each kind that a corpus of some size gets, and its vectors; pages are 0, 1, 2 and so on."""
    below = {"flat": (1 << 30, 1 << 30), "hnsw": (100, 1 << 30)}.get(request.param, (100, 200))
    vectors = clustered(4_000, 15 if "odd" in request.param else 16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ann, "_FLAT_BELOW", below[0])
        patch.setattr(ann, "_HNSW_BELOW", below[1])
        return ann.build(np.arange(len(vectors), dtype=np.uint64), vectors), vectors


def test_every_type_of_index_finds_what_exact_search_finds(of_each_kind) -> None:
    index, vectors = of_each_kind
    asked = vectors[::40]
    assert recall_at_50(index, vectors, asked) >= 0.94  # of other vectors than those it was measured on
    assert index.measured.recall >= 0.95


def test_every_type_of_index_loads_with_its_setting(of_each_kind, tmp_path: Path) -> None:
    index, vectors = of_each_kind
    index.save(tmp_path / "pages")
    loaded = ann.load(tmp_path / "pages")
    assert loaded.setting == index.setting == index.measured.setting
    for vector in vectors[:20]:
        assert loaded.search(vector, 50)[0].tolist() == index.search(vector, 50)[0].tolist()


def test_every_type_of_index_gives_cosines_of_given_pages(of_each_kind) -> None:
    index, vectors = of_each_kind
    pages = np.array([3, 9_999, 77], np.uint64)
    assert index.cosines(vectors[5], pages).tolist() == pytest.approx(
        [vectors[5] @ vectors[3], np.nan, vectors[5] @ vectors[77]], abs=1e-6, nan_ok=True
    )
    assert index.vector(12).tolist() == pytest.approx(vectors[12].tolist(), abs=1e-6)
    assert index.vectors(np.array([1, 2])).shape == (2, vectors.shape[1])


def test_if_no_setting_finds_enough_the_best_is_used_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "_FLAT_BELOW", 100)
    monkeypatch.setattr("recall.ann_tuning._EF_SEARCH", (1, 2))
    vectors = np.random.default_rng(0).normal(size=(2_000, 32)).astype(np.float32)
    index = ann.build(np.arange(2_000, dtype=np.uint64), vectors)
    assert index.setting == "efSearch=2"
    assert 0 < index.measured.recall < 0.95
    assert not index.measured.enough


def test_pages_with_the_same_text_count_as_equally_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "_FLAT_BELOW", 100)
    vectors = np.repeat(clustered(40), 60, axis=0)
    index = ann.build(np.arange(len(vectors), dtype=np.uint64), vectors)
    assert index.measured.enough


def test_an_index_is_tuned_with_the_query_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann, "_FLAT_BELOW", 100)
    vectors, elsewhere = clustered(4_000), np.random.default_rng(5).normal(size=(200, 16)).astype(np.float32)
    elsewhere /= np.linalg.norm(elsewhere, axis=1, keepdims=True)
    index = ann.build(np.arange(4_000, dtype=np.uint64), vectors, elsewhere)
    assert recall_at_50(index, vectors, elsewhere) == pytest.approx(index.measured.recall, abs=1e-3)
