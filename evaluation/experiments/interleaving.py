"""Team-draft interleaving: which arm's pages readers click when both arms share a list.

Each page was placed by one arm, which gets the credit of its clicks (Radlinski, Kurup and Joachims, CIKM 2008). Equal
arms share the credit evenly. All readers of a page share its list for a while, so pages are what is resampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from evaluation.experiments.always_valid import FEWEST, Look, look, running
from evaluation.experiments.metrics import ratio
from evaluation.experiments.panel import aggregates
from evaluation.metrics.bootstrap import Interval

#: What joins the names of two interleaved arms.
AND = "+"
_EVEN = 0.5
_SPREAD = 0.05  # standard deviation of the mixture: a typical distance from an even share

_CREDIT = """
    SELECT arm, dense_rank() OVER (ORDER BY url1) - 1 AS page, day, count(*) AS impressions,
        sum(len(list_filter(clicked, lambda p: teams[p] = 0))) AS first,
        sum(len(list_filter(clicked, lambda p: teams[p] = 1))) AS second
    FROM impression WHERE teams IS NOT NULL AND contains(arm, $joined) GROUP BY arm, url1, day ORDER BY arm, day"""


@dataclass(frozen=True, slots=True)
class Credit:
    """The share of the clicks that the second of two interleaved arms gets; even if both are as good."""

    first: str
    second: str
    impressions: int
    clicks: int
    share: Interval  # of the second arm, at one look
    looks: list[Look]  # of the share minus one half; valid at any time
    alpha: float

    @property
    def found(self) -> bool:
        """Whether the always-valid test has found a better arm, on this or an earlier day."""
        return bool(self.looks) and self.looks[-1].p_value < self.alpha


def credits_of(connection: duckdb.DuckDBPyConnection, alpha: float) -> list[Credit]:
    """Return the credit of every pair of arms that was interleaved."""
    found = connection.execute(_CREDIT, {"joined": AND}).fetchnumpy()
    rows = {name: np.asarray(column) for name, column in found.items()}
    pairs = np.asarray(rows["arm"], str)
    return [_of_pair(pair, {k: v[pairs == pair] for k, v in rows.items()}, alpha) for pair in np.unique(pairs)]


def _of_pair(pair: str, rows: dict[str, np.ndarray], alpha: float) -> Credit:
    first, _, second = pair.partition(AND)
    page, day = np.unique(rows["page"], return_inverse=True)[1], rows["day"].astype(np.int64)
    credit = np.stack([rows["first"], rows["second"]]).astype(np.float64)
    share = Interval(float("nan"), float("nan"), float("nan"))
    looks: list[Look] = []
    for until in np.unique(day):
        share, variance, pages = _share(page, credit, day <= until, alpha)
        if variance > 0 and pages >= FEWEST:
            looks.append(look(int(until), share.mean - _EVEN, variance, _SPREAD, alpha))
    return Credit(first, second, int(rows["impressions"].sum()), int(credit.sum()), share, running(looks), alpha)


def _share(page: np.ndarray, credit: np.ndarray, so_far: np.ndarray, alpha: float) -> tuple[Interval, float, int]:
    """Return the second arm's share with its interval, the variance of the estimate, and the pages with clicks."""
    first, second = (np.bincount(page[so_far], of[so_far]).astype(np.float64) for of in credit)
    clicked = first + second > 0
    pages = int(clicked.sum())
    if pages < 2:
        return Interval(float("nan"), float("nan"), float("nan")), 0.0, pages
    of_pages = aggregates({"second": second[clicked], "all": (first + second)[clicked]})
    variance = float(of_pages.ratio_var("second", "all")) / pages
    return ratio(of_pages, "second", "all", 1 - alpha), variance, pages
