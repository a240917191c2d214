"""The cache of answers: one ranked list per page serves every k, every exclusion and every λ."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from cascade.types import Query
from service.admission.refusal import Overloaded
from service.answers.answer import CACHE, STORED, Answer, ServedBy
from service.answers.cache import Cache
from service.answers.lookup import Lookup, has_more, key_of, selected, selected_by_way
from service.answers.names import PLAINLY, Names, Shown
from service.answers.ranked_list import RankedList
from service.answers.stored_lists import StoredLists
from service.live_bundle import LoadedBundle
from service.metrics import Metrics
from service.settings import Settings

_UNKNOWN_SHARE = 1 / 8  # of the bytes, for unknown pages: callers can invent as many as they like
_PLAIN = 2  # parts of a key without text, which known pages have
_WAY_S = 0.02  # that reading a reader's way may take at least: it takes a millisecond, late or not
_WORTHWHILE = 0.2  # of the budget: with less left, another computation finds nothing

#: Ranks a page of a bundle within so many milliseconds, in a task. Raises Overloaded.
Rank = Callable[[LoadedBundle, Query, float], asyncio.Task[RankedList]]


class AnswerCache:
    """Looks answers up, or has their lists computed; for one event loop.

    The list of an unknown page is cached under the text that was sent, and briefly; for a known page that text is
    ignored. `k`, `exclude` and `quality_weight` only select from a list and are not part of its key.
    """

    def __init__(self, settings: Settings, metrics: Metrics, names: Names | None = None) -> None:
        lookups = functools.cache(metrics.cache.labels)
        limits, count = settings.cache, lambda result: lookups(result).inc()
        max_bytes = int(limits.max_mb * 1e6)
        unknown_bytes = int(max_bytes * _UNKNOWN_SHARE)
        self._budget_ms, self._names = settings.budget_ms, names
        self._known = Cache[RankedList](
            max_bytes - unknown_bytes, limits.ttl_s, limits.stale_s, count, keeps=lambda ranked: ranked.complete
        )
        self._unknown = Cache[RankedList](
            unknown_bytes, limits.unknown_ttl_s, 0.0, count, keeps=lambda ranked: ranked.stable
        )
        self._caches = (self._known, self._unknown)
        self._stored = StoredLists(metrics.stored_corrupt.inc)
        metrics.cache_bytes.set_function(lambda: self.bytes)

    @property
    def bytes(self) -> int:
        """Bytes that the cache holds now."""
        return self._known.bytes + self._unknown.bytes

    def cached(
        self, bundle: LoadedBundle, query: Query, k: int, key: tuple[str, ...], shown: Shown = PLAINLY
    ) -> Answer | None:
        """Return the answer where the list of this key is cached and fresh, or stored in a file of the bundle."""
        for cache in self._caches:
            if (ranked := cache.fresh(key)) is not None:
                return self._whole(Lookup(bundle, query, k, cache, key, self._names, shown), ranked, CACHE)
        stored = None if len(key) > _PLAIN else self._stored.here(bundle, query)
        if stored is None:
            return None
        self._known.put(key, stored)
        return self._whole(Lookup(bundle, query, k, self._known, key, self._names, shown), stored, STORED)

    def in_flight(self, key: tuple[str, ...], budget_ms: float) -> bool:
        """Return whether `get` would start no computation for this key."""
        return any(cache.in_flight(key, budget_ms / 1e3) for cache in self._caches)

    async def get(
        self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float, rank: Rank, shown: Shown = PLAINLY
    ) -> Answer:
        """Return the answer; `rank` computes its list where no cached one serves. Raises Overloaded."""
        until = time.monotonic() + budget_ms / 1e3
        known = query.page in bundle.pages
        shared = replace(query, exclude=frozenset(), history=(), quality_weight=None)
        if known:
            shared = replace(shared, title="", snippet="", language="")
        cache = self._known if known else self._unknown
        lookup = Lookup(bundle, query, k, cache, key_of(bundle.name, shared), self._names, shown)
        ranked, source = await self._list(lookup, shared, budget_ms, rank)
        answer = await self._by_way(lookup, ranked, source, until)
        left_ms = 1e3 * (until - time.monotonic())
        if left_ms < _WORTHWHILE * budget_ms or not has_more(lookup, ranked, answer):
            return answer
        more = await self._ranked_below(lookup, answer, until, rank)
        # While it was computed, rules may have changed that the first answer was selected under.
        if bundle.stands(more.terms):
            return more
        return (await selected_by_way(lookup, ranked, _left_s(until))).from_(source)

    async def stored(self, bundle: LoadedBundle, query: Query) -> dict[str, Any] | None:
        """Return a page's stored list as plain JSON values, as it is now without exclusions; None where it has none."""
        found = await self._stored.get(bundle, query)
        return None if found is None else self._stored.explained(bundle, query, found)

    async def _list(self, lookup: Lookup, shared: Query, budget_ms: float, rank: Rank) -> tuple[RankedList, ServedBy]:
        """Return the ranked list and its source: kept and fresh, stored in the bundle, or else computed."""
        cache, key = lookup.cache, lookup.key
        plain = lookup.bundle.plain or lookup.bundle  # all arms share the list: their own rules act on it later
        if (fresh := cache.fresh(key)) is not None:
            return fresh, CACHE
        if (
            cache is self._known
            and not shared.variant
            and (stored := await self._stored.get(lookup.bundle, shared)) is not None
        ):
            cache.put(key, stored)
            return stored, STORED
        held = cache.holds(key)
        ranked = await cache.get(
            key, lambda: rank(plain, shared, budget_ms), budget_ms / 1e3, lambda: rank(plain, shared, self._budget_ms)
        )
        return ranked, CACHE if held else ranked.served_by

    def forget_other_bundles(self, names: Collection[str]) -> None:
        """Drop the lists of bundles other than these."""
        for cache in self._caches:
            cache.forget(lambda key: key[0] not in names)

    def forget_thinned(self, lifted: Callable[[RankedList], bool]) -> None:
        """Drop the lists that lack pages which rules no longer block; those being computed are not cached either."""
        for cache in self._caches:
            cache.forget_values(lifted)

    async def forget_pages(self, pages: frozenset[int] | None) -> int:
        """Drop the lists with any of these pages, or all; return their number."""
        return sum(
            [await cache.forget_where(lambda ranked: pages is None or ranked.has(pages)) for cache in self._caches]
        )

    def close(self) -> None:
        """Cancel the computations in flight."""
        for cache in self._caches:
            cache.close()

    async def _by_way(self, lookup: Lookup, ranked: RankedList, source: ServedBy, until: float) -> Answer:
        """Return the answer; a reader's way is read by `until`, a time of the monotonic clock."""
        if not lookup.query.history:
            return self._answer(lookup, ranked, source)
        return (await selected_by_way(lookup, ranked, _left_s(until))).from_(source)

    def _answer(self, lookup: Lookup, ranked: RankedList, source: ServedBy) -> Answer:
        if (kept_under := lookup.kept_under) is None:
            return selected(lookup, ranked).from_(source)
        answer = ranked.answers.get(kept_under)
        if answer is None or not lookup.bundle.stands(answer.terms):
            answer = selected(lookup, ranked)
            ranked.answers[kept_under] = answer.from_(CACHE)  # for those who ask after this one
            lookup.cache.weigh(lookup.key)
        return answer if answer.served_by == source else answer.from_(source)

    def _whole(self, lookup: Lookup, ranked: RankedList, source: ServedBy) -> Answer | None:
        """Return the answer; None where rules or filters have emptied places of the list that the cascade can fill."""
        answer = self._answer(lookup, ranked, source)
        return None if has_more(lookup, ranked, answer) else answer

    async def _ranked_below(self, lookup: Lookup, so_far: Answer, until: float, rank: Rank) -> Answer:
        """Return an answer from a list ranked without the excluded pages and those that rules block, if it has more."""
        query, bundle = replace(lookup.query, history=(), quality_weight=None), lookup.bundle
        left_ms = 1e3 * (until - time.monotonic())
        if own := bundle.steering.rules.current.own_blocks:  # of an arm: other arms and replicas have other lists
            query = replace(query, variant=(*query.variant, (f"rules.{own:016x}", 0.0)))
        key = (*lookup.key, query.exclude, *((own,) if own else ()))
        try:
            ranked = await lookup.cache.get(key, lambda: rank(bundle, query, left_ms), left_ms / 1e3)
        except Overloaded:
            return so_far
        answer = await selected_by_way(lookup, ranked, _left_s(until))
        return answer if answer.shown > so_far.shown else so_far


def _left_s(until: float) -> float:
    """Return the seconds for reading a reader's way."""
    return max(_WAY_S, until - time.monotonic())
