"""Builds the `popular` table: the most clicked pages per host and overall."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from recall.popular.lookup import OVERALL

MAX_PAGES = 100


def build(
    page: NDArray[np.uint64], host: NDArray[np.uint64], clicks: NDArray[np.integer], keep: int = MAX_PAGES
) -> Iterator[tuple[int, bytes]]:
    """Yield (host id, its `keep` most clicked pages as packed u64), and last the overall row under OVERALL.

    The arrays have one row per page. Ties are broken by PageId, so the order is fixed even without clicks.
    """
    by_host = np.lexsort((page, -clicks.astype(np.int64), host))
    hosts, starts = np.unique(host[by_host], return_index=True)
    ends = np.searchsorted(host[by_host], hosts, side="right")
    for key, start, end in zip(hosts.tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield key, _packed(page[by_host[start : min(end, start + keep)]])
    overall = np.lexsort((page, -clicks.astype(np.int64)))[:keep]
    yield OVERALL, _packed(page[overall])


def _packed(pages: NDArray[np.uint64]) -> bytes:
    return pages.astype("<u8").tobytes()
