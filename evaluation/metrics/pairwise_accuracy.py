"""Pairwise accuracy: how often a judge puts two pairs in the order in which people put them (Shah et al., 3.2.1).

PA = Σ_{i<j, yᵢ≠yⱼ} I((ŷᵢ < ŷⱼ) = (yᵢ < yⱼ)) / Σ_{i<j} I(yᵢ ≠ yⱼ). In the paper's formula the upper sum is over
all i < j; but the text counts only pairs whose labels differ, without which PA could exceed 1.

Ties of labels are left out. A tie of predictions is not `<`, so it agrees if yᵢ > yⱼ: whether it counts depends on
the order of the rows, half of them if that order is random. Shuffle rows that are sorted by label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.metrics.bootstrap import CONFIDENCE, SAMPLES, Interval

_MATRIX = 4_096  # up to so many rows, all draws are computed by matrix products
_FEWER = 200  # draws if there are more rows


def pairwise_accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Return PA in O(n log n), NaN when all labels are the same. Neither may hold NaN."""
    prediction, truth = _ranks(predicted), _ranks(labels)
    if len(prediction) != len(truth):
        raise ValueError(f"{len(prediction)} predictions for {len(truth)} labels")
    rows = len(truth)
    differing = _pairs(rows) - _pairs(np.bincount(truth))
    if differing == 0:
        return float("nan")
    # Sorted by prediction, then by falling label: a pair with ascending labels also has ascending predictions.
    order = np.lexsort((-truth, prediction))
    same_order = differing - _inversions(truth[order])
    # In file order within equal predictions, an inversion is a tie with yᵢ > yⱼ. Between groups there is none.
    order = np.lexsort((np.arange(rows), prediction))
    tied = _inversions(truth[order] + prediction[order] * (truth.max() + 1))
    return (same_order + tied) / differing


def with_interval(
    predicted: NDArray[np.floating], labels: NDArray[np.floating], groups: NDArray[np.integer], seed: int = 0
) -> Interval:
    """Return PA with its 95 % interval, resampling whole groups: pairs with the same first page are not independent.

    Rows are shuffled first, so that ties are random and the file's order does not matter.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    predicted, labels, groups = predicted[shuffled], labels[shuffled], groups[shuffled]
    value = pairwise_accuracy(predicted, labels)
    if np.isnan(value):
        return Interval(value, value, value)
    members = np.unique(groups, return_inverse=True)[1]
    draws = generator.multinomial(members.max() + 1, np.full(members.max() + 1, 1 / (members.max() + 1)), SAMPLES)
    if len(labels) <= _MATRIX:
        drawn = _by_matrix(predicted, labels, draws[:, members])
    else:
        drawn = _one_by_one(predicted, labels, draws[:_FEWER, members])
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) == 0:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))


def _by_matrix(
    predicted: NDArray[np.floating], labels: NDArray[np.floating], times: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return PA of each draw at once; `times` (draws, rows) counts how often a row was drawn. Ties count one half."""
    above = np.sign(labels[:, None] - labels[None, :]).astype(np.float32)
    agreeing = (1 + above * np.sign(predicted[:, None] - predicted[None, :]).astype(np.float32)) / 2 * (above != 0)
    weights = times.astype(np.float32)
    agreed = np.einsum("dr,dr->d", weights @ agreeing, weights, dtype=np.float64)
    differing = np.einsum("dr,dr->d", weights @ np.abs(above), weights, dtype=np.float64)
    accuracy: NDArray[np.float64] = np.where(differing > 0, agreed, np.nan) / np.maximum(differing, 1.0)
    return accuracy


def _one_by_one(
    predicted: NDArray[np.floating], labels: NDArray[np.floating], times: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return PA of each draw, without a matrix of pairs."""
    rows = np.arange(len(labels))
    drawn = (np.repeat(rows, of_row) for of_row in times)
    return np.array([pairwise_accuracy(predicted[chosen], labels[chosen]) for chosen in drawn])


def _ranks(values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values, np.float64)
    if np.isnan(array).any():
        raise ValueError("a prediction or a label is NaN: leave such rows out")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _pairs(sizes: int | NDArray[np.int64]) -> int:
    return int(np.sum(np.asarray(sizes) * (np.asarray(sizes) - 1)) // 2)


def _inversions(values: NDArray[np.int64]) -> int:
    """Count i < j with values[i] > values[j] of non-negative integers, one bit at a time.

    Two values differ first at their highest differing bit, where the greater has a 1. So for each bit, among rows that
    share the bits above, every 0 after a 1 is an inversion; then rows are stably partitioned by that bit.
    """
    total, rows = 0, len(values)
    values = np.unique(values, return_inverse=True)[1].astype(np.int64)
    for bit in reversed(range(int(values.max()).bit_length() if rows else 0)):
        ones = values >> bit & 1
        above = values >> (bit + 1)
        first = np.flatnonzero(np.diff(above, prepend=-1))  # rows that share the bits above are adjacent
        sizes = np.diff(first, append=rows)
        before = np.cumsum(ones) - ones  # ones to the left
        before -= np.repeat(before[first], sizes)  # within the group
        total += int(before[ones == 0].sum())
        zeros = 1 - ones
        zero_rank = np.cumsum(zeros) - zeros
        zero_rank -= np.repeat(zero_rank[first], sizes)
        group_zeros = np.add.reduceat(zeros, first)
        place = np.repeat(first, sizes) + np.where(ones == 1, np.repeat(group_zeros, sizes) + before, zero_rank)
        partitioned = np.empty_like(values)
        partitioned[place] = values
        values = partitioned
    return total
