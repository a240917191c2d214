"""A page's way from `url1` to its answer; HTTP, gRPC and batches all take it.

URL (`resolve`) -> cached or stored list (`answer_cache`, `stored_lists`) -> admission (`admission/overload`) ->
another replica's list (`shared_cache`) -> cascade -> select and blend (`selection`) -> answer -> side effects
(`side_effects`).
"""

from __future__ import annotations

import asyncio
from functools import partial

from cascade.deadline import Deadline
from cascade.trace import Trace, tracing
from cascade.types import Query
from service.admission.overload import ConcurrencyLimit, Permit
from service.answers.answer import Answer
from service.answers.answer_cache import AnswerCache
from service.answers.explain import explain
from service.answers.other_weights import other_weights
from service.answers.ranked_list import RankedList, compact
from service.answers.request import Request
from service.answers.resolve import ClientError, query_of
from service.answers.selection import select
from service.answers.shared_cache import SharedCache
from service.answers.side_effects import SideEffects
from service.live_bundle import Live, LoadedBundle
from service.metrics import Metrics
from service.settings import Settings

_RESERVED = 0.05  # of the budget, for writing and sending the answer


class Recommender:
    """Answers requests from the live bundle; for one event loop."""

    def __init__(
        self,
        live: Live,
        settings: Settings,
        metrics: Metrics | None = None,
        effects: SideEffects | None = None,
        shared: SharedCache | None = None,
    ) -> None:
        self.live = live
        self.metrics = metrics or Metrics()
        self._settings = settings
        self._effects = effects or SideEffects()
        self._shared = shared
        self._cache = AnswerCache(settings, self.metrics)
        self._limit = ConcurrencyLimit(settings.overload, _computing_s(settings.budget_ms), self.metrics)

    @property
    def budget_ms(self) -> float:
        """The time for an answer where the request names none."""
        return self._settings.budget_ms

    async def recommend(self, request: Request) -> Answer:
        """Return the pages worth reading after `request.url1`: whole or degraded. Raises ClientError and Refusal."""
        with self.live.leased() as bundle:
            query = query_of(request, bundle.addresses)
            budget_ms = self._budget_ms(request)
            if request.explain:
                answer = await self._explain(bundle, query, request.k, budget_ms)
            else:
                answer = await self._cache.get(bundle, query, request.k, budget_ms, self._start)
        self._effects.after_answer(query, answer, request)
        return answer

    def cached_answer(self, request: Request) -> Answer | None:
        """Return the answer where it is cached and fresh, or stored in a file.

        None where `recommend` has to be awaited, or the URL is bad. Raises Overloaded where `recommend` would.
        """
        bundle = self.live.bundle
        try:
            query = query_of(request, bundle.addresses)
        except ClientError:
            return None
        answer = self._cache.cached(bundle, query, request.k)
        if answer is not None:
            self._effects.after_answer(query, answer, request)
        elif not self._cache.in_flight(bundle, query, self._budget_ms(request)):
            self._limit.check(_computing_s(self._budget_ms(request)))
        return answer

    def _start(self, query: Query, budget_ms: float) -> asyncio.Task[RankedList]:
        """Rank a page in its own task, with its own lease and permit: it may outlive the request that started it.

        Raises Overloaded.
        """
        permit = self._limit.admit(_computing_s(budget_ms))
        lease = self.live.lease()
        task = asyncio.create_task(self._shared_or_computed(lease.bundle, query, budget_ms, permit))

        def ended(task: asyncio.Task[RankedList]) -> None:  # a callback: the task may be cancelled before it runs
            self._limit.finish(permit, learn=not task.cancelled() and task.exception() is None)
            lease.release()

        task.add_done_callback(ended)
        return task

    async def _shared_or_computed(
        self, bundle: LoadedBundle, query: Query, budget_ms: float, permit: Permit
    ) -> RankedList:
        """Return the list that another replica has computed, or compute it."""
        deadline = Deadline.after(_computing_s(budget_ms))
        if self._shared is not None and (ranked := await self._shared.get(bundle.name, query)) is not None:
            self._limit.finish(permit, learn=False)  # a read says nothing about computation time
            return ranked
        return await self._compute(bundle, query, deadline, permit, Trace())

    async def _compute(
        self, bundle: LoadedBundle, query: Query, deadline: Deadline, permit: Permit, trace: Trace
    ) -> RankedList:
        """Wait for a slot and run the cascade."""
        trace.on_spare = partial(self._limit.free_slot, permit)
        await self._limit.wait_for_slot(permit)
        with tracing(trace):
            candidates = await bundle.cascade.ranked(query, deadline, trace)
        permit.spare_s = trace.spare_s
        reusable = not query.exclude and not trace.explain
        ranked = RankedList(query.url, bundle.name, compact(candidates), tuple(trace.degraded), trace.cut, reusable)
        self._effects.after_computation(query, ranked, trace)
        return ranked

    async def _explain(self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float) -> Answer:
        """Compute an answer anew, with a record of every stage and the stored list beside it; it is never cached."""
        permit = self._limit.admit(_computing_s(budget_ms))
        trace = Trace(explain=True)
        try:
            ranked = await self._compute(bundle, query, Deadline.after(_computing_s(budget_ms)), permit, trace)
            pages, degraded = select(bundle, query, k, ranked, trace)
            record = await explain(trace, bundle.pages)
            record["weights"] = await other_weights(bundle, query, k, ranked)
            record["stored"] = await self._cache.stored(bundle, query)
        finally:
            self._limit.finish(permit, learn=False)  # recording every stage takes longer than an answer
        return Answer.of(query.url, pages, degraded, bundle.name, record)

    def forget_other_bundles(self) -> None:
        """Drop the cached answers of bundles that are no longer live."""
        self._cache.forget_other_bundles(self.live.bundle.name)

    def close(self) -> None:
        """Cancel the computations in flight."""
        self._cache.close()

    def _budget_ms(self, request: Request) -> float:
        return min(request.budget_ms or self.budget_ms, self._settings.max_budget_ms)


def _computing_s(budget_ms: float) -> float:
    """Return the seconds of a budget in which to compute."""
    return (1 - _RESERVED) * budget_ms / 1e3
