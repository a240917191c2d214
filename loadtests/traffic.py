"""Realistic traffic for a bundle: its pages ordered by clicks, requested with a Zipf distribution."""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate
from pathlib import Path

import numpy as np

from store.bundle import open_bundle
from store.page_row import read_facts, read_text
from store.tables import LmdbTable


def pages_by_clicks(bundles: Path) -> list[str]:
    """Return the URLs of the current bundle's pages, most clicked first, then by PageId. Raises BundleError."""
    table = LmdbTable(open_bundle(bundles).file("tables/pages.lmdb"))
    try:
        rows = [row for _, row in table.items()]
    finally:
        table.close()
    order = np.argsort(-read_facts(rows)["clicks_all"].astype(np.int64), kind="stable")
    return [read_text(rows[row]).url for row in order]


class Zipf:
    """One reader: draws pages, the n-th most clicked with probability ~ 1 / n ** exponent, and pauses between them."""

    def __init__(self, urls: list[str], seed: str, exponent: float = 1.0) -> None:
        self._urls = urls
        self._random = random.Random(seed)  # noqa: S311 - traffic, not a secret
        self._weights = list(accumulate((rank + 1) ** -exponent for rank in range(len(urls))))

    def draw(self) -> str:
        """Return the URL of the next page."""
        return self._urls[bisect(self._weights, self._random.random() * self._weights[-1])]

    def pause(self, rate: float) -> float:
        """Return the seconds until the next page: exponential, `rate` per second on average (a Poisson process)."""
        return self._random.expovariate(rate)
