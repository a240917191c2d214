from pathlib import Path

import numpy as np
import pytest

from ranking.quality.likeness import TextVectors

# Unit vectors: page 0 has title x and snippet y; page 1 title y and snippet x; page 2 both z.
X, Y, Z = np.eye(3, dtype=np.float32)
VECTORS = TextVectors(np.stack([X, Y, Z]), np.stack([Y, X, Z]))


def likeness(left: int, right: int, **options: float) -> float:
    return float(VECTORS.likeness(np.array([left]), np.array([right]), **options)[0])


def test_a_hand_worked_pair() -> None:
    # Same parts: x·y = 0 and y·x = 0. Crosswise: x·x = 1 and y·y = 1. Mean of the four 0.5, better crosswise one 1.
    assert likeness(0, 1) == pytest.approx((0.5 + 1.0) / 2)
    assert likeness(0, 1, crosswise=0.0) == pytest.approx(0.5)


def test_unrelated_pages_have_no_likeness() -> None:
    assert likeness(0, 2) == 0.0


def test_likeness_is_symmetric() -> None:
    generator = np.random.default_rng(1)
    vectors = TextVectors(*generator.normal(size=(2, 50, 8)).astype(np.float32))
    left, right = generator.integers(0, 50, (2, 200))
    np.testing.assert_allclose(vectors.likeness(left, right), vectors.likeness(right, left), rtol=1e-6)


def test_pairs_beyond_one_chunk_are_all_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = np.array([0, 0, 1, 2, 2]), np.array([1, 2, 0, 2, 0])
    whole = VECTORS.likeness(left, right)
    monkeypatch.setattr("ranking.quality.likeness._CHUNK", 2)
    np.testing.assert_array_equal(VECTORS.likeness(left, right), whole)


def test_saved_vectors_load_unchanged(tmp_path: Path) -> None:
    VECTORS.save(tmp_path / "judged.npy")
    loaded = TextVectors.load(tmp_path / "judged.npy")
    np.testing.assert_array_equal(loaded.title, VECTORS.title)
    np.testing.assert_array_equal(loaded.snippet, VECTORS.snippet)


def test_no_pairs_have_no_likeness() -> None:
    none = np.empty(0, np.intp)
    assert len(VECTORS.likeness(none, none)) == 0


def test_a_page_that_is_not_understood_has_no_likeness(tmp_path: Path) -> None:
    vectors = TextVectors(VECTORS.title, VECTORS.snippet, np.array([1.0, 0.5, 0.0], np.float32))
    vectors.save(tmp_path / "judged.npy")
    left, right = np.array([0, 0, 1]), np.array([1, 2, 2])
    for one in (vectors, TextVectors.load(tmp_path / "judged.npy")):
        assert one.weight(left, right).tolist() == [0.5, 0, 0]
        assert np.isnan(one.likeness(left, right)).tolist() == [False, True, True]
