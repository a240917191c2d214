"""Ranking metrics: whether the next page that the reader visited is in the list, and how near its top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

RECALL_AT = 30
TOP = 5


@dataclass(frozen=True, slots=True)
class NextPage:
    """Metrics of one ranking, averaged over (page, next page) pairs; None if there was nothing to count."""

    recall_at_30: float | None
    hit_rate_at_5: float | None
    ndcg_at_5: float | None  # one relevant page per pair, so the ideal DCG is 1: 1 / log2(1 + rank)
    click_ndcg_at_5: float | None  # over impressions: the pages shown, in this ranking's order

    def as_dict(self) -> dict[str, float | None]:
        """Return the metrics rounded to four places."""
        return {name: None if value is None else round(value, 4) for name, value in asdict(self).items()}


def ranks(listed: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rank, from 1, of each wanted page in a list without duplicates; 0 if it is missing."""
    if len(listed) == 0:
        return np.zeros(len(wanted), np.int64)
    found = listed[None, :] == wanted[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)


def next_page(ranks: NDArray[np.int64], click_ndcgs: Sequence[float]) -> NextPage:
    """Return the means over all pairs (ranks; 0: not listed) and over all impressions."""
    clicks = float(np.mean(click_ndcgs)) if len(click_ndcgs) else None
    if len(ranks) == 0:
        return NextPage(None, None, None, clicks)
    top = (ranks > 0) & (ranks <= TOP)
    recalled = (ranks > 0) & (ranks <= RECALL_AT)
    return NextPage(float(recalled.mean()), float(top.mean()), float(discounts(ranks).mean()), clicks)


def click_ndcg(ranks: NDArray[np.int64], clicked: NDArray[np.bool_]) -> float:
    """Return NDCG@5 of one impression's pages in the order of `ranks`; those not listed (0) gain nothing.

    Pages with the same rank share their positions, so that their order in the log does not matter.
    """
    listed = ranks > 0
    _, row, pages = np.unique(ranks[listed], return_inverse=True, return_counts=True)
    by_position = discounts(np.arange(1, int(listed.sum()) + 1))
    by_rank = np.add.reduceat(by_position, np.cumsum(pages) - pages) / pages if len(pages) else by_position
    ideal = discounts(np.arange(1, int(clicked.sum()) + 1)).sum()
    return float((by_rank[row] * clicked[listed]).sum() / ideal) if ideal else 0.0


def discounts(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the discount of each rank, from 1; 0 for ranks after the fifth and for 0 (not listed)."""
    return np.where((ranks > 0) & (ranks <= TOP), 1.0 / np.log2(1.0 + np.maximum(ranks, 1)), 0.0)
