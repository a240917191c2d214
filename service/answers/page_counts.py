"""Counts which pages are asked for: a side effect of answers, bounded however many pages callers invent."""

from __future__ import annotations

from heapq import nlargest
from operator import itemgetter

from cascade.executor import UNKNOWN_PAGE
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.request import Request

_KEPT = 1_000  # pages that a tally keeps when it is full


class Tally:
    """Counts of the most frequent keys since the start.

    The rarest are forgotten when twice as many as `kept` are held: the count of a key that came late is a lower bound.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._counts: dict[str, int] = {}

    def add(self, key: str) -> None:
        """Count a key once."""
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        if len(counts) > 2 * self._kept:
            self._counts = dict(self.top(self._kept))

    def top(self, most: int) -> list[tuple[str, int]]:
        """Return the most frequent keys with their counts, most frequent first."""
        return nlargest(most, self._counts.items(), key=itemgetter(1))


class PageCounts:
    """Counts answers by the page they were asked for; explained answers, which staff ask for, do not count."""

    name = "page_counts"

    def __init__(self) -> None:
        self.known, self.unknown = Tally(), Tally()

    def enabled(self, query: Query) -> bool:
        return True

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        if not request.explain:
            (self.unknown if UNKNOWN_PAGE in answer.degraded else self.known).add(query.url)
