"""Selects the answer: the best rows of a ranked list that are good enough and no near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cascade.trace import Trace
from cascade.types import Candidates, Query
from store.page_row import near_duplicate


@dataclass(frozen=True, slots=True)
class Select:
    """Picks at most k rows, in ranked order.

    A page over the host cap is deferred, not dropped: it is used when other hosts cannot fill the
    answer, so a site with a single host still gets full answers.
    """

    max_per_host: int = 2
    min_quality: float = 0.0  # 0 to 4; applied only to lists with a `quality` column

    def describe(self) -> str:
        """Return the rules."""
        quality = f", quality ≥ {self.min_quality:g}" if self.min_quality > 0 else ""
        return f"at most {self.max_per_host} per host, no near-duplicates{quality}"

    def __call__(self, query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates:
        """Return at most `k` rows of `ranked`, which has the columns of store.page_row.FACTS; record every drop."""
        good = self._good(ranked)
        trace.drop(ranked.pages[~good], "min_quality")
        choice = _Choice(ranked, k)
        deferred = []
        for row in np.flatnonzero(good).tolist():
            if choice.full:
                break
            if choice.host_count(row) >= self.max_per_host:
                deferred.append(row)
            else:
                choice.add(row)
        while deferred and not choice.full:
            choice.add(deferred.pop(0))
        trace.drop(ranked.pages[choice.duplicates], "near_duplicate")
        trace.drop(ranked.pages[deferred], "host_cap")
        return ranked.take(np.array(sorted(choice.rows), np.intp))

    def _good(self, ranked: Candidates) -> NDArray[np.bool_]:
        if self.min_quality <= 0 or "quality" not in ranked.columns:
            return np.ones(len(ranked), np.bool_)
        return np.asarray(ranked["quality"] >= self.min_quality)


@dataclass(slots=True)
class _Choice:
    """The rows chosen so far."""

    ranked: Candidates
    k: int
    rows: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.k

    def host_count(self, row: int) -> int:
        hosts = self.ranked["host"]
        return int(np.count_nonzero(hosts[self.rows] == hosts[row]))

    def add(self, row: int) -> None:
        """Choose the row, unless it is a near-duplicate of a chosen one."""
        address, fingerprint = self.ranked["address"], self.ranked["fingerprint"]
        same = (address[self.rows] == address[row]) | near_duplicate(fingerprint[self.rows], fingerprint[row])
        (self.duplicates if same.any() else self.rows).append(row)
