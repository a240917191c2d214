"""Bootstrap intervals: how much a mean would vary if other pages had been sampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES = 1_000
CONFIDENCE = 0.95
_MAX_DRAWS = 4_000_000  # in memory

#: Sum and count of each query's values.
_Sums = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, here by percentile bootstrap; NaN if nothing was counted."""

    mean: float
    low: float
    high: float

    def as_dict(self, places: int = 4) -> dict[str, float | None]:
        """Return the three numbers rounded; None if nothing was counted."""
        numbers = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: None if np.isnan(number) else round(number, places) for name, number in numbers.items()}

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(
    values: NDArray[np.floating],
    queries: NDArray[np.integer] | None = None,
    samples: int = SAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Return the mean of `values` and its interval, resampling whole queries.

    `queries` gives the query of each value (None: all different): values of one query are not independent, and are
    drawn together. NaN values are left out. The mean is over values, not queries, in each sample too.
    """
    return _quantiles([values], queries, _mean, samples, confidence, seed)


def difference(
    treatment: NDArray[np.floating],
    control: NDArray[np.floating],
    queries: NDArray[np.integer] | None = None,
    samples: int = SAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    *,
    relative: bool = False,
) -> Interval:
    """Return mean(treatment) - mean(control) over the same rows, and its paired interval.

    `relative`: 100 · (mean(treatment) / mean(control) - 1) instead, in percent. A row counts only if both sides are
    known; otherwise the means would be over different rows. Raises ValueError for arrays of different lengths.
    """
    if len(treatment) != len(control):
        raise ValueError(f"{len(treatment)} values against {len(control)}: a paired difference needs equal lengths")
    statistic = _percent if relative else _difference
    unknown = np.isnan(treatment) | np.isnan(control)
    paired = [np.where(unknown, np.nan, values) for values in (treatment, control)]
    return _quantiles(paired, queries, statistic, samples, confidence, seed)


def _quantiles(
    columns: Sequence[NDArray[np.floating]],
    queries: NDArray[np.integer] | None,
    statistic: Callable[[Sequence[_Sums]], NDArray[np.float64]],
    samples: int,
    confidence: float,
    seed: int,
) -> Interval:
    queries = np.arange(len(columns[0])) if queries is None else queries
    _, query = np.unique(queries, return_inverse=True)
    parts = [_sums(values, query) for values in columns]
    if any(count.sum() == 0 for _, count in parts):
        return Interval(np.nan, np.nan, np.nan)
    drawn = _resampled(parts, statistic, samples, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(statistic(parts)), float(low), float(high))


def _sums(values: NDArray[np.floating], query: NDArray[np.integer]) -> _Sums:
    """Return the sum and the count of each query's values."""
    counted = ~np.isnan(values)
    total, count = (np.bincount(query, weights) for weights in (np.where(counted, values, 0.0), counted))
    return total.astype(np.float64), count.astype(np.float64)


def _means(parts: Sequence[_Sums]) -> list[NDArray[np.float64]]:
    """Return the mean of each part; the last axis is queries."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a sample may contain no query with values
        return [total.sum(axis=-1) / count.sum(axis=-1) for total, count in parts]


def _mean(parts: Sequence[_Sums]) -> NDArray[np.float64]:
    return _means(parts)[0]


def _difference(parts: Sequence[_Sums]) -> NDArray[np.float64]:
    treatment, control = _means(parts)
    return np.asarray(treatment - control)


def _percent(parts: Sequence[_Sums]) -> NDArray[np.float64]:
    treatment, control = _means(parts)
    with np.errstate(invalid="ignore", divide="ignore"):  # without clicks there is no relative change
        change = 100.0 * (treatment / control - 1.0)
    return np.where(np.isfinite(change), change, np.nan)


def _resampled(
    parts: Sequence[_Sums],
    statistic: Callable[[Sequence[_Sums]], NDArray[np.float64]],
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    queries = len(parts[0][0])
    rows = max(1, _MAX_DRAWS // queries)
    found = []
    for start in range(0, samples, rows):
        chosen = rng.integers(queries, size=(min(rows, samples - start), queries))
        found.append(statistic([(total[chosen], count[chosen]) for total, count in parts]))
    means = np.concatenate(found)
    known = means[~np.isnan(means)]
    return known if len(known) else np.full(1, np.nan)
