"""A page's way from `url1` to its answer; HTTP, gRPC and batches all take it.

URL (`resolve`) -> cached or stored list (`answer_cache`, `stored_lists`) -> admission (`admission/overload`) ->
another replica's list (`shared_cache`) -> cascade -> select and blend (`selection`) -> answer -> side effects
(`side_effects`).
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial

from cascade.deadline import Deadline
from cascade.trace import Trace, tracing
from cascade.types import Query
from service.admission.overload import ConcurrencyLimit, Permit
from service.answers.answer import Answer
from service.answers.answer_cache import AnswerCache
from service.answers.asked import Asked, asked
from service.answers.explain import explain
from service.answers.lookup import acted, answer_of
from service.answers.names import Names
from service.answers.other_weights import other_weights
from service.answers.ranked_list import RankedList, compact
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.answers.selection import read_way, select
from service.answers.shared_cache import SharedCache
from service.answers.side_effects import SideEffects
from service.answers.trials import Part, Plan, Trials
from service.experiments.limits import limited
from service.experiments.live_experiment import Experiments
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
        names: Names | None = None,
        experiments: Experiments | None = None,
    ) -> None:
        self.live = live
        self.metrics = metrics or Metrics()
        self._settings = settings
        self._effects = effects or SideEffects()
        self._shared = shared
        self._names = names
        self.experiments = experiments
        self._cache = AnswerCache(settings, self.metrics, names)
        self._trials = Trials(self._cache, names, experiments)
        self._limit = ConcurrencyLimit(settings.overload, _computing_s(settings.budget_ms), self.metrics)

    @property
    def budget_ms(self) -> float:
        """The time for an answer where the request names none."""
        return self._settings.budget_ms

    async def recommend(self, request: Request) -> Answer:
        """Return the pages worth reading after `request.url1`: whole or degraded. Raises ClientError and Refusal."""
        with self.live.leased() as bundle, ExitStack() as leases:
            resolved = asked(request, bundle)
            plan = self._plan(resolved)
            for part in plan.parts:
                leases.enter_context(self.live.leased(part.bundle.name))
            if request.explain:
                answer = await self._explain(plan.parts[0], request.k)
            else:
                answer = await self._trials.get(plan, request.k, self._start)
        self._effects.after_answer(resolved.query, answer, request)
        return answer

    async def explain_arm(self, request: Request, arm: str) -> Answer:
        """Return the explained answer of one arm, whoever asks; nothing is counted. Raises ClientError and Refusal."""
        with self.live.leased() as bundle:
            part = self._trials.part_of(arm, bundle, asked(request, bundle), self._budget_ms(request))
            with self.live.leased(part.bundle.name):
                return await self._explain(part, request.k)

    async def explain_in(self, bundle: LoadedBundle, request: Request) -> Answer:
        """Return the explained answer of a bundle that the caller keeps open. Raises ClientError and Refusal."""
        resolved = asked(request, bundle)
        part = Part(bundle, resolved.query, resolved.key, request.k, self._budget_ms(request))
        return await self._explain(part, request.k)

    def kept_answer(self, asked: Asked) -> Answer | None:
        """Return the answer to what is asked of the live bundle, where it is cached and fresh, or stored in a file."""
        try:
            return self._kept(asked, self._plan(asked))
        except ClientError:  # `recommend` says it
            return None

    def cached_answer(self, asked: Asked) -> Answer | None:
        """Return the kept answer; None where `recommend` has to be awaited. Raises Overloaded where that would."""
        try:
            plan = self._plan(asked)
        except ClientError:
            return None
        answer = self._kept(asked, plan)
        if answer is None and not self._trials.in_flight(plan):
            self._limit.check(_computing_s(plan.parts[0].budget_ms))
        return answer

    def _plan(self, asked: Asked) -> Plan:
        return self._trials.plan(self.live.bundle, asked, self._budget_ms(asked.request))

    def _kept(self, asked: Asked, plan: Plan) -> Answer | None:
        answer = self._trials.cached(plan, asked.request.k)
        if answer is not None:
            self._effects.after_answer(asked.query, answer, asked.request)
        return answer

    def _start(self, bundle: LoadedBundle, query: Query, budget_ms: float) -> asyncio.Task[RankedList]:
        """Rank a page in its own task, with its own lease and permit: it may outlive the request that started it.

        Raises Overloaded.
        """
        permit = self._limit.admit(_computing_s(budget_ms))
        lease = self.live.lease(bundle.name)
        task = asyncio.create_task(self._shared_or_computed(bundle, query, budget_ms, permit))

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
        ranked = None if self._shared is None else await self._shared.get(bundle.name, query)
        if ranked is not None and not bundle.lacks_pages(ranked.thinned):
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
            candidates = await limited(bundle.cascade, query.variant).ranked(query, deadline, trace)
        permit.spare_s = trace.spare_s
        reusable = not query.exclude and not trace.explain
        ranked = RankedList(
            query.url,
            bundle.name,
            compact(candidates),
            tuple(trace.degraded),
            trace.cut,
            reusable,
            thinned=tuple(trace.thinned),
        )
        self._effects.after_computation(query, ranked, trace)
        return ranked

    async def _explain(self, part: Part, k: int) -> Answer:
        """Compute an answer anew, with a record of every stage and the stored list beside it; it is never cached.

        Of an experiment it shows one arm's list, as ranked: the unit's arm, or the first of two that share a list.
        """
        bundle, query, budget_ms, shown = part.bundle, part.query, part.budget_ms, part.shown
        permit = self._limit.admit(_computing_s(budget_ms))
        trace = Trace(explain=True)
        try:
            ranked = await self._compute(bundle, query, Deadline.after(_computing_s(budget_ms)), permit, trace)
            query, rows = await read_way(bundle, query, ranked, _computing_s(budget_ms), trace)
            chosen = select(bundle, query, k, ranked, trace, rows)
            record = await explain(trace, bundle.pages, acted(bundle, trace, chosen))
            record["weights"] = await other_weights(bundle, query, k, ranked)
            record["stored"] = await self._cache.stored(bundle, query)
            record |= {"arm": shown.label} if shown.arm else {}
        finally:
            self._limit.finish(permit, learn=False)  # recording every stage takes longer than an answer
        return answer_of(bundle, ranked, chosen, self._names, explain=record)  # events about it are of no arm

    def forget_other_bundles(self) -> None:
        """Drop the cached answers of bundles that are neither live nor an arm's."""
        self._cache.forget_other_bundles(self.live.serving.keys())
        self._trials.forget_views()

    def follow_rules(self) -> None:
        """Drop the cached lists that lack pages which rules no longer block; called when rules have changed."""
        bundle = self.live.bundle
        self._cache.forget_thinned(lambda ranked: bundle.lacks_pages(ranked.thinned))

    async def forget_pages(self, pages: frozenset[int] | None) -> int:
        """Drop the cached lists that any of these pages asked for or is in, or all; return their number."""
        return await self._cache.forget_pages(pages)

    def close(self) -> None:
        """Cancel the computations in flight."""
        self._cache.close()

    def _budget_ms(self, request: Request) -> float:
        return min(request.budget_ms or self.budget_ms, self._settings.max_budget_ms)


def _computing_s(budget_ms: float) -> float:
    """Return the seconds of a budget in which to compute."""
    return (1 - _RESERVED) * budget_ms / 1e3
