"""AUC, LogLoss and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.knowledge.metrics import Scored, auc, gain, over_seeds


def ratings(noise: float, seed: int, users: int = 30) -> Scored:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, users * 20).astype(float)
    noisy = np.random.default_rng(seed + 100).normal(size=len(labels))
    return Scored(labels * 2 - 1 + noise * noisy, labels, np.repeat(np.arange(users), 20))


def test_auc_counts_pairs_and_half_of_the_ties() -> None:
    scores, labels = np.array([0.1, 0.4, 0.4, 0.9]), np.array([0, 0, 1, 1])
    assert auc(scores, labels) == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_logloss_is_that_of_the_probability() -> None:
    own = Scored(np.array([2.0, -1.0]), np.array([1, 1]), np.array([0, 1]))
    expected = -np.log(1 / (1 + np.exp([-2.0, 1.0])))
    assert own.losses() == pytest.approx(expected)


def test_interval_over_seeds_is_students() -> None:
    found = over_seeds([0.7, 0.72, 0.74])
    assert found.mean == pytest.approx(0.72)
    assert found.high - found.mean == pytest.approx(4.303 * 0.02 / np.sqrt(3))


def test_single_seed_has_no_interval() -> None:
    found = over_seeds([0.7])
    assert (found.low, found.high) == (0.7, 0.7)


@pytest.mark.parametrize("metric", ["auc", "logloss"])
def test_gain_has_the_sign_of_the_better_row(metric: str) -> None:
    good, bad = [ratings(1, seed) for seed in range(2)], [ratings(3, seed) for seed in range(2)]
    found = gain(good, bad, metric)
    assert found.low <= found.mean <= found.high
    assert (found.low > 0) if metric == "auc" else (found.high < 0)


def test_gain_over_itself_is_nothing() -> None:
    own = [ratings(1, 0)]
    assert gain(own, own, "auc").mean == gain(own, own, "auc").high == 0
