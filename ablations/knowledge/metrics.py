"""AUC and LogLoss of the test users, with intervals: over users by bootstrap, and over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.bootstrap import CONFIDENCE, Interval

SAMPLES = 400
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}  # 95 %, by seeds

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Scored:
    """The test ratings of one seed: logits, labels, and whose they are."""

    scores: Floats
    labels: Floats
    users: NDArray[np.int64]

    def auc(self) -> float:
        """Return the AUC over all ratings."""
        return auc(self.scores, self.labels)

    def losses(self) -> NDArray[np.float64]:
        """Return each rating's LogLoss."""
        signed = np.where(self.labels > 0, -self.scores, self.scores).astype(np.float64)
        return np.logaddexp(0, signed)


def auc(scores: Floats, labels: Floats) -> float:
    """Return the share of pairs of a positive and a negative that the scores order rightly; ties count half."""
    _, place = np.unique(scores, return_inverse=True)
    return float(_weighted(place, labels, np.ones(len(labels))))


def _weighted(place: NDArray[np.intp], labels: Floats, weights: NDArray[np.float64]) -> float:
    """Return the AUC of weighted rows whose scores have these ranks; NaN without a positive or a negative."""
    positive = np.bincount(place, weights * labels)
    negative = np.bincount(place, weights * (1 - labels))
    pairs = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")


def over_seeds(values: Sequence[float]) -> Interval:
    """Return the mean and its 95 % interval by Student's t; no interval for a single seed."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Interval(mean, mean, mean)
    half = _T.get(count, 1.96) * float(np.std(values, ddof=1)) / float(np.sqrt(count))
    return Interval(mean, mean - half, mean + half)


def gain(one: Sequence[Scored], other: Sequence[Scored], metric: str) -> Interval:
    """Return metric(one) - metric(other), `auc` or `logloss`, the mean over seeds; test users are resampled."""
    parts = [
        _resampled(first, second, metric, seed) for seed, (first, second) in enumerate(zip(one, other, strict=True))
    ]
    drawn = np.mean([samples for _, samples in parts], axis=0)
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(np.mean([found for found, _ in parts])), float(low), float(high))


def _resampled(one: Scored, other: Scored, metric: str, seed: int) -> tuple[float, NDArray[np.float64]]:
    """Return one seed's difference, and that of SAMPLES draws of its test users with their ratings."""
    _, user = np.unique(one.users, return_inverse=True)
    count = int(user.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), SAMPLES)
    if metric == "logloss":
        losses = np.bincount(user, one.losses() - other.losses())
        ratings = np.bincount(user)
        return float(losses.sum() / ratings.sum()), (drawn @ losses) / (drawn @ ratings)
    places = [np.unique(side.scores, return_inverse=True)[1] for side in (one, other)]
    weights = drawn.astype(np.float64)
    samples = [
        _weighted(places[0], one.labels, row[user]) - _weighted(places[1], one.labels, row[user]) for row in weights
    ]
    return one.auc() - other.auc(), np.array(samples)
