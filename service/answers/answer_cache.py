"""The answers that a gateway keeps: one ranked list a page serves every k, every exclusion and every λ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cascade.trace import Trace
from cascade.types import Query
from service.admission.refusal import Overloaded
from service.answers.answer import Answer, recommendations
from service.answers.cache import Cache
from service.answers.ranked_list import RankedList
from service.live_bundle import LoadedBundle
from service.metrics import Metrics
from service.settings import Settings

_OF_STRANGERS = 1 / 8  # of the bytes, for pages that no table knows: callers can make up as many as they like
_WORTHWHILE = 0.2  # of the budget: with less left, another computation finds nothing

#: Ranks a page within so many milliseconds, in a task. Raises Overloaded.
Rank = Callable[[Query, float], asyncio.Task[RankedList]]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of which bundle, and where its list is kept."""

    bundle: LoadedBundle
    query: Query
    k: int
    cache: Cache[RankedList]
    key: tuple[str, ...]


class AnswerCache:
    """Looks answers up, or has them computed; for one event loop.

    A page that no table knows is kept under the words that were sent of it, and briefly; of a known page they say
    nothing. What is asked of the same list (k, `exclude`, `quality_weight`) is chosen from it and is no part of a key.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        cache, count = settings.cache, lambda result: metrics.cache.labels(result).inc()
        most = int(cache.max_mb * 1e6)
        strange = int(most * _OF_STRANGERS)
        self._budget_ms, self._metrics = settings.budget_ms, metrics
        self._known = Cache[RankedList](most - strange, cache.ttl_s, cache.stale_s, count, keeps=lambda one: one.whole)
        self._strange = Cache[RankedList](strange, cache.unknown_ttl_s, 0.0, count, keeps=lambda one: one.settled)

    @property
    def bytes(self) -> int:
        """What is held now."""
        return self._known.bytes + self._strange.bytes

    def at_once(self, bundle: LoadedBundle, query: Query, k: int) -> Answer | None:
        """Return the answer where its list is kept and fresh."""
        key = _key(bundle, query)
        for cache in (self._known, self._strange):
            if (ranked := cache.fresh(key)) is not None:
                return self._answer(_Question(bundle, query, k, cache, key), ranked)
        return None

    def under_way(self, bundle: LoadedBundle, query: Query, budget_ms: float) -> bool:
        """Whether `get` would compute nothing new."""
        key = _key(bundle, query)
        return any(cache.under_way(key, budget_ms / 1e3) for cache in (self._known, self._strange))

    async def get(self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float, rank: Rank) -> Answer:
        """Return the answer, having `rank` compute its list if need be. Raises Overloaded."""
        began = time.monotonic()
        known = query.page in bundle.pages
        asked = replace(query, exclude=frozenset(), quality_weight=None)
        if known:
            asked = replace(asked, title="", snippet="", language="")
        question = _Question(bundle, query, k, self._known if known else self._strange, _key(bundle, asked))
        ranked = await question.cache.get(
            question.key, lambda: rank(asked, budget_ms), budget_ms / 1e3, lambda: rank(asked, self._budget_ms)
        )
        answer = self._answer(question, ranked)
        left_ms = budget_ms - 1e3 * (time.monotonic() - began)
        if left_ms < _WORTHWHILE * budget_ms or not _has_more(question, ranked, answer):
            return answer
        return await self._further(question, answer, left_ms, rank)

    def forget_other_bundles(self, name: str) -> None:
        """Drop the lists of bundles that are not live any more: nobody asks for them again."""
        for cache in (self._known, self._strange):
            cache.forget(lambda key: bool(key[0] != name))

    def close(self) -> None:
        """End what is being computed."""
        for cache in (self._known, self._strange):
            cache.close()

    async def _further(self, question: _Question, so_far: Answer, left_ms: float, rank: Rank) -> Answer:
        """Return what ranks below the list that was cut: whoever has seen it all gets the next pages. Never kept."""
        narrow = replace(question.query, quality_weight=None)
        key = (*question.key, narrow.exclude)
        try:
            ranked = await question.cache.get(key, lambda: rank(narrow, left_ms), left_ms / 1e3)
        except Overloaded:
            return so_far
        further = self._chosen(question, ranked)
        return further if len(further.recommendations) > len(so_far.recommendations) else so_far

    def _answer(self, question: _Question, ranked: RankedList) -> Answer:
        if question.query.exclude or question.query.quality_weight is not None:
            return self._chosen(question, ranked)
        answer = ranked.answers.get(question.k)
        if answer is None:
            answer = ranked.answers[question.k] = self._chosen(question, ranked)
            question.cache.weigh(question.key)
        return answer

    def _chosen(self, question: _Question, ranked: RankedList) -> Answer:
        trace = Trace()
        rows = ranked.candidates(question.bundle.pages)
        shown = recommendations(question.bundle.cascade.choose(question.query, rows, question.k, trace))
        for reason in trace.degraded:
            self._metrics.degraded.labels(reason).inc()
        self._metrics.count_shown(shown)
        return Answer.of(ranked.url1, shown, tuple(dict.fromkeys((*ranked.degraded, *trace.degraded))), ranked.bundle)


def _has_more(question: _Question, ranked: RankedList, answer: Answer) -> bool:
    """Whether exclusions took places that rows below a list that was cut could fill."""
    excludes = ranked.cut and not question.query.exclude.isdisjoint(ranked.rows["page"].tolist())
    return excludes and len(answer.recommendations) < question.k  # last: it reads the answer's JSON


def _key(bundle: LoadedBundle, query: Query) -> tuple[str, ...]:
    words = (query.title, query.snippet, query.language)
    return (bundle.name, query.url, *words) if any(words) else (bundle.name, query.url)
