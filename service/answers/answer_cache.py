"""The cache of answers: one ranked list per page serves every k, every exclusion and every λ."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from cascade.trace import Trace
from cascade.types import Query
from service.admission.refusal import Overloaded
from service.answers.answer import Answer
from service.answers.cache import Cache
from service.answers.ranked_list import RankedList
from service.answers.selection import select
from service.live_bundle import LoadedBundle
from service.metrics import Metrics
from service.settings import Settings

_UNKNOWN_SHARE = 1 / 8  # of the bytes, for unknown pages: callers can invent as many as they like
_WORTHWHILE = 0.2  # of the budget: with less left, another computation finds nothing

#: Ranks a page within so many milliseconds, in a task. Raises Overloaded.
Rank = Callable[[Query, float], asyncio.Task[RankedList]]


class _Lookup(NamedTuple):
    """One look-up: the query, and where its ranked list is cached."""

    bundle: LoadedBundle
    query: Query
    k: int
    cache: Cache[RankedList]
    key: tuple[str, ...]


class AnswerCache:
    """Looks answers up, or has their lists computed; for one event loop.

    The list of an unknown page is cached under the text that was sent, and briefly; for a known page that text is
    ignored. `k`, `exclude` and `quality_weight` only select from a list and are not part of its key.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        lookups = functools.cache(metrics.cache.labels)
        limits, count = settings.cache, lambda result: lookups(result).inc()
        max_bytes = int(limits.max_mb * 1e6)
        unknown_bytes = int(max_bytes * _UNKNOWN_SHARE)
        self._budget_ms = settings.budget_ms
        self._known = Cache[RankedList](
            max_bytes - unknown_bytes, limits.ttl_s, limits.stale_s, count, keeps=lambda ranked: ranked.complete
        )
        self._unknown = Cache[RankedList](
            unknown_bytes, limits.unknown_ttl_s, 0.0, count, keeps=lambda ranked: ranked.stable
        )
        metrics.cache_bytes.set_function(lambda: self.bytes)

    @property
    def bytes(self) -> int:
        """Bytes that the cache holds now."""
        return self._known.bytes + self._unknown.bytes

    def cached(self, bundle: LoadedBundle, query: Query, k: int) -> Answer | None:
        """Return the answer where its list is cached and fresh."""
        key = _key(bundle, query)
        for cache in (self._known, self._unknown):
            if (ranked := cache.fresh(key)) is not None:
                return self._answer(_Lookup(bundle, query, k, cache, key), ranked)
        return None

    def in_flight(self, bundle: LoadedBundle, query: Query, budget_ms: float) -> bool:
        """Return whether `get` would start no computation."""
        key = _key(bundle, query)
        return any(cache.in_flight(key, budget_ms / 1e3) for cache in (self._known, self._unknown))

    async def get(self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float, rank: Rank) -> Answer:
        """Return the answer; `rank` computes its list where no cached one serves. Raises Overloaded."""
        started = time.monotonic()
        known = query.page in bundle.pages
        shared = replace(query, exclude=frozenset(), quality_weight=None)
        if known:
            shared = replace(shared, title="", snippet="", language="")
        lookup = _Lookup(bundle, query, k, self._known if known else self._unknown, _key(bundle, shared))
        ranked = await lookup.cache.get(
            lookup.key, lambda: rank(shared, budget_ms), budget_ms / 1e3, lambda: rank(shared, self._budget_ms)
        )
        answer = self._answer(lookup, ranked)
        left_ms = budget_ms - 1e3 * (time.monotonic() - started)
        if left_ms < _WORTHWHILE * budget_ms or not _has_more(lookup, ranked, answer):
            return answer
        return await self._ranked_below(lookup, answer, left_ms, rank)

    def forget_other_bundles(self, name: str) -> None:
        """Drop the lists of bundles that are no longer live."""
        for cache in (self._known, self._unknown):
            cache.forget(lambda key: bool(key[0] != name))

    def close(self) -> None:
        """Cancel the computations in flight."""
        for cache in (self._known, self._unknown):
            cache.close()

    def _answer(self, lookup: _Lookup, ranked: RankedList) -> Answer:
        if lookup.query.exclude or lookup.query.quality_weight is not None:
            return _select(lookup, ranked)
        answer = ranked.answers.get(lookup.k)
        if answer is None:
            answer = ranked.answers[lookup.k] = _select(lookup, ranked)
            lookup.cache.weigh(lookup.key)
        return answer

    async def _ranked_below(self, lookup: _Lookup, so_far: Answer, left_ms: float, rank: Rank) -> Answer:
        """Return an answer from a list ranked without the excluded pages, where that has more. It is never cached."""
        query = replace(lookup.query, quality_weight=None)
        key = (*lookup.key, query.exclude)
        try:
            ranked = await lookup.cache.get(key, lambda: rank(query, left_ms), left_ms / 1e3)
        except Overloaded:
            return so_far
        answer = _select(lookup, ranked)
        return answer if len(answer.recommendations) > len(so_far.recommendations) else so_far


def _select(lookup: _Lookup, ranked: RankedList) -> Answer:
    pages, degraded = select(lookup.bundle, lookup.query, lookup.k, ranked, Trace())
    return Answer.of(ranked.url1, pages, degraded, ranked.bundle)


def _has_more(lookup: _Lookup, ranked: RankedList, answer: Answer) -> bool:
    """Return whether excluded pages took places of a cut list that lower-ranked pages could fill."""
    excludes = ranked.cut and not lookup.query.exclude.isdisjoint(ranked.rows["page"].tolist())
    return excludes and len(answer.recommendations) < lookup.k  # last: it reads the answer's JSON


def _key(bundle: LoadedBundle, query: Query) -> tuple[str, ...]:
    text = (query.title, query.snippet, query.language)
    return (bundle.name, query.url, *text) if any(text) else (bundle.name, query.url)
