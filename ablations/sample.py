"""Measurements of rankings, pooled over seeds; gives means, intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluation.answer_quality import AnswerQuality
from evaluation.metrics.bootstrap import Interval, difference, interval

#: (treatment, control, page of each row) -> their difference.
Differing = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint64]], Interval]

_NOTHING = Interval(np.nan, np.nan, np.nan)


@dataclass(slots=True)
class _Column:
    """Values of one metric of one ranking, one array per seed, and the page of each value."""

    values: list[NDArray[np.float64]] = field(default_factory=list)
    pages: list[NDArray[np.uint64]] = field(default_factory=list)


@dataclass(slots=True)
class Sample:
    """Values by ranking and metric. The bootstrap resamples pages, each with all its rows of all seeds."""

    _columns: dict[tuple[str, str], _Column] = field(default_factory=dict)

    def add(self, arm: str, quality: AnswerQuality, metrics: Sequence[str]) -> None:
        """Add one seed's rankings of one arm, under the names `arm: ranking`."""
        for ranking, metric, values, pages in quality.values(metrics):
            self.add_rows(f"{arm}: {ranking}", metric, values, pages)

    def add_rows(self, ranking: str, metric: str, values: NDArray[np.float64], pages: NDArray[np.uint64]) -> None:
        """Add one seed's values (NaN is not counted) and the page of each value."""
        column = self._columns.setdefault((ranking, metric), _Column())
        column.values.append(values)
        column.pages.append(pages)

    def interval(self, ranking: str, metric: str) -> Interval:
        """Return the mean over pages and seeds with its interval; NaN if there are no values."""
        column = self._columns.get((ranking, metric))
        return interval(np.concatenate(column.values), np.concatenate(column.pages)) if column else _NOTHING

    def against(self, treatment: str, control: str, metric: str, differing: Differing = difference) -> Interval:
        """Return the difference of two rankings, paired by page and seed.

        Raises ValueError unless both have the same pages in the same order.
        """
        ours, theirs = (self._columns.get((name, metric)) for name in (treatment, control))
        if ours is None or theirs is None:
            return _NOTHING
        pages, others = np.concatenate(ours.pages), np.concatenate(theirs.pages)
        if not np.array_equal(pages, others):
            raise ValueError(f"{treatment!r} and {control!r} have different pages and cannot be paired")
        return differing(np.concatenate(ours.values), np.concatenate(theirs.values), pages)

    def by_seed(self, treatment: str, control: str, metric: str, differing: Differing = difference) -> list[float]:
        """Return the difference of each seed."""
        ours, theirs = (self._columns.get((name, metric)) for name in (treatment, control))
        if ours is None or theirs is None:
            return []
        parts = zip(ours.values, theirs.values, ours.pages, strict=True)
        return [differing(*part).mean for part in parts]
