"""Swing positives: equation 1, and that nothing of test users is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ablations.knowledge import swing
from ablations.knowledge.data import blocks, folds, read
from ablations.knowledge.swing import likes, positives
from ablations.knowledge.train import Data, positives_of


def equation(has: np.ndarray, one: int, two: int) -> float:
    """Equation 1 as it is printed, with loops."""
    common = np.flatnonzero(has[one] & has[two])
    return sum(1 / (1 + (has[:, i] & has[:, j]).sum()) for i in common for j in common)


def test_positive_has_the_highest_swing() -> None:
    has = np.random.default_rng(3).random((15, 12)) < 0.5
    found = positives(has)
    for row in range(len(has)):
        scores = [equation(has, row, other) if other != row else -1.0 for other in range(len(has))]
        assert np.isclose(scores[found[row]], max(scores))


def test_cut_sum_is_scaled_to_all_columns(monkeypatch) -> None:
    inverse = np.full((30, 30), 0.25, np.float32)
    whole = swing._swing(np.arange(30), inverse)
    monkeypatch.setattr(swing, "_COLUMNS", 10)
    assert np.isclose(swing._swing(np.arange(30), inverse), whole)


def test_row_without_company_has_no_positive() -> None:
    has = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    assert positives(has).tolist() == [1, 0, -1, -1]


def test_other_users_likes_are_not_read(movielens: Path) -> None:
    movies, log = read(movielens, None)
    train, validation, test = folds(len(log.attributes), 0)
    liked = likes(log, train, len(movies))
    assert liked[train].any(axis=1).all()
    assert not liked[np.concatenate([validation, test])].any()


def test_positives_ignore_what_held_out_users_did(movielens: Path) -> None:
    movies, log = read(movielens, None)
    train, validation, test = folds(len(log.attributes), 0)
    held_out = np.isin(log.user, np.concatenate([validation, test]))
    log.label[held_out] = 1
    before = positives_of(Data(log, blocks(log), len(movies), 0))
    log.label[held_out] = 0
    after = positives_of(Data(log, blocks(log), len(movies), 0))
    assert np.array_equal(before.movies, after.movies)
    assert np.array_equal(before.users, after.users)
    assert (before.users[held_out_users := np.concatenate([validation, test])] == -1).all(), held_out_users
    assert set(before.users[before.users >= 0]) <= set(train.tolist())
