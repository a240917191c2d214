"""Selects the answer: the best rows of a ranked list that are good enough, no near-duplicates, and of several hosts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cascade.trace import Trace
from cascade.types import Candidates, Query
from store.page_row import alike


@dataclass(frozen=True, slots=True)
class Select:
    """Picks at most k rows, in ranked order.

    A page over the host cap yields its place to the next page of another host, unless that costs more than `margin`
    of its score: diversity has a maximum price. In a list with fewer than `min_hosts` hosts there is no cap.
    """

    max_per_host: int = 2
    min_quality: float = 0.0  # 0 to 4; applied only to lists with a `quality` column
    margin: float = 0.25  # in units of the score: the blend's z-score
    min_hosts: int = 4

    def describe(self) -> str:
        """Return the rules."""
        quality = f", quality ≥ {self.min_quality:g}" if self.min_quality > 0 else ""
        cap = f"at most {self.max_per_host} per host at a loss of up to {self.margin:g}"
        return f"{cap}, no near-duplicates{quality}"

    def __call__(self, query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates:
        """Return at most `k` rows of `ranked`, which has the columns of FACTS and `score`; record every drop."""
        if len(ranked) == 0:  # an empty list may have no columns
            return ranked
        good = self._good(ranked)
        trace.drop(ranked.pages[~good], "min_quality")
        choice = _Choice.of(ranked, np.flatnonzero(good).tolist())
        cap = self.max_per_host if len(set(ranked["host"].tolist())) >= self.min_hosts else len(ranked)
        while choice.waiting and len(choice.rows) < k:
            choice.add(cap, self.margin)
        trace.drop(ranked.pages[choice.duplicates], "near_duplicate")
        trace.drop(ranked.pages[[row for row in choice.waiting if row < max(choice.rows, default=0)]], "host_cap")
        return ranked.take(np.array(sorted(choice.rows), np.intp))

    def _good(self, ranked: Candidates) -> NDArray[np.bool_]:
        if self.min_quality <= 0 or "quality" not in ranked.columns:
            return np.ones(len(ranked), np.bool_)
        return np.asarray(ranked["quality"] >= self.min_quality)


@dataclass(slots=True)
class _Choice:
    """The rows chosen so far, and those still waiting, best first. Plain lists: for thirty rows faster than numpy."""

    hosts: list[int]
    scores: list[float]
    identities: list[tuple[int, int, int]]  # address, copy key and fingerprint
    waiting: list[int]
    rows: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    shown: Counter[int] = field(default_factory=Counter)  # rows per host

    @classmethod
    def of(cls, ranked: Candidates, waiting: list[int]) -> _Choice:
        columns = (ranked[name].tolist() for name in ("address", "copy", "fingerprint"))
        return cls(ranked["host"].tolist(), ranked["score"].tolist(), list(zip(*columns, strict=True)), waiting)

    def add(self, cap: int, margin: float) -> None:
        """Choose one more row, or set aside the best one as a near-duplicate of a chosen row."""
        best = self.waiting[0]
        if self._is_duplicate(best):
            self.duplicates.append(self.waiting.pop(0))
            return
        row = best if self.shown[self.hosts[best]] < cap else self._instead_of(best, cap, margin)
        self.waiting.remove(row)
        self.rows.append(row)
        self.shown[self.hosts[row]] += 1

    def _instead_of(self, best: int, cap: int, margin: float) -> int:
        """Return the best row under its host's cap that scores at most `margin` less than `best`; else `best`."""
        for row in self.waiting[1:]:
            if not self.scores[row] >= self.scores[best] - margin:  # also if a score is NaN
                break
            if self.shown[self.hosts[row]] < cap and not self._alike(row, best) and not self._is_duplicate(row):
                return row
        return best

    def _is_duplicate(self, row: int) -> bool:
        return any(self._alike(row, chosen) for chosen in self.rows)

    def _alike(self, left: int, right: int) -> bool:
        one, other = self.identities[left], self.identities[right]
        return one[0] == other[0] or one[1] == other[1] != 0 or alike(one[2], other[2])
