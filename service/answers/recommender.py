"""The one way to an answer: canonical URL, cache, deadline, cascade. HTTP, gRPC and batch all come here."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import replace
from functools import partial

from cascade.deadline import Deadline
from cascade.executor import UNKNOWN_PAGE
from cascade.trace import Trace, tracing
from cascade.types import Query
from service.admission.overload import ConcurrencyLimit, Permit
from service.admission.refusal import DeadlineExceeded, Refusal
from service.answers.answer import Answer, Ask, recommendations
from service.answers.answer_cache import AnswerCache
from service.answers.explain import explain
from service.answers.ranked_list import RankedList, light
from service.answers.resolve import ClientError, query_of
from service.answers.shared_cache import SharedCache
from service.answers.unknown_pages import UnknownPageQueue
from service.live_bundle import Live, LoadedBundle
from service.metrics import Metrics
from service.settings import Settings

_LEAST_S = 0.005  # of a batch's time: with less left, nothing is begun
_WAY_OUT = 0.05  # of the budget: an answer has to be written and sent too


class Recommender:
    """Answers one request at a time from the live bundle."""

    def __init__(
        self,
        live: Live,
        settings: Settings,
        metrics: Metrics | None = None,
        unknown: UnknownPageQueue | None = None,
        shared: SharedCache | None = None,
    ) -> None:
        self.live = live
        self._shared = shared
        self.metrics = metrics or Metrics()
        self._unknown = unknown
        self._settings = settings
        self._answer_cache = AnswerCache(settings, self.metrics)
        self._gate = ConcurrencyLimit(settings.overload, _seconds(settings.budget_ms), self.metrics)
        self.metrics.cache_bytes.set_function(lambda: self._answer_cache.bytes)
        self.metrics.address_bytes.set_function(lambda: self.live.bundle.addresses.kept_bytes)

    async def recommend(self, ask: Ask) -> Answer:
        """Return the pages worth reading after `ask.url1`: whole or degraded. Raises ClientError and Refusal."""
        with self.live.leased() as bundle:
            query = query_of(ask, bundle.addresses)
            budget_ms = self._budget_ms(ask)
            if ask.explain:
                return await self._explained(bundle, query, ask.k, budget_ms)
            return await self._answer_cache.get(bundle, query, ask.k, budget_ms, self._start)

    def forget_other_bundles(self) -> None:
        """Drop the answers of bundles that are not live any more: nobody asks for them again."""
        self._answer_cache.forget_other_bundles(self.live.bundle.name)

    def at_once(self, ask: Ask) -> Answer | None:
        """Return the answer where it is kept and fresh; None where `recommend` has to be awaited, also for a bad URL.

        Raises Overloaded where `recommend` would.
        """
        bundle = self.live.bundle
        try:
            query = query_of(ask, bundle.addresses)
        except ClientError:
            return None
        answer = self._answer_cache.at_once(bundle, query, ask.k)
        if answer is None and not self._answer_cache.under_way(bundle, query, self._budget_ms(ask)):
            self._gate.check(_seconds(self._budget_ms(ask)))
        return answer

    @property
    def budget_ms(self) -> float:
        """The time for an answer whose caller names none."""
        return self._settings.budget_ms

    def _budget_ms(self, ask: Ask) -> float:
        return min(ask.budget_ms or self.budget_ms, self._settings.max_budget_ms)

    def close(self) -> None:
        """End what is being computed."""
        self._answer_cache.close()

    def _start(self, query: Query, budget_ms: float) -> asyncio.Task[RankedList]:
        """Rank a page in a task with a lease and a permit of its own: it may outlive the request that began it.

        Raises Overloaded.
        """
        permit = self._gate.enter(_seconds(budget_ms))
        lease = self.live.lease()
        task = asyncio.create_task(self._read_or_run(lease.bundle, query, budget_ms, permit))

        def ended(task: asyncio.Task[RankedList]) -> None:  # not in the coroutine: it may be cancelled before it starts
            self._gate.close(permit, told=not task.cancelled() and task.exception() is None)
            lease.release()

        task.add_done_callback(ended)
        return task

    async def _explained(self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float) -> Answer:
        permit = self._gate.enter(_seconds(budget_ms))
        deadline = Deadline.after(_seconds(budget_ms))
        trace = Trace(explain=True, on_spare=partial(self._gate.spare, permit))
        try:
            await self._gate.turn(permit)
            with tracing(trace):
                chosen = await bundle.cascade.run(query, k, deadline, trace)
            self._note(query, trace)
            record = await explain(trace, bundle.pages)
        finally:
            self._gate.close(permit, told=False)  # a record of every stage takes longer than an answer
        shown = recommendations(chosen)
        self.metrics.count_shown(shown)
        return Answer.of(query.url, shown, tuple(trace.degraded), bundle.name, record)

    async def _read_or_run(self, bundle: LoadedBundle, query: Query, budget_ms: float, permit: Permit) -> RankedList:
        """Return what another replica has ranked, or rank it."""
        deadline = Deadline.after(_seconds(budget_ms))
        if self._shared is None or query.exclude:
            return await self._run(bundle, query, deadline, permit)
        if (ranked := await self._shared.get(bundle.name, query)) is not None:
            self._gate.close(permit, told=False)  # a read tells nothing of a computation's time
            return ranked
        ranked = await self._run(bundle, query, deadline, permit)
        self._shared.keep(query, ranked)
        return ranked

    async def _run(self, bundle: LoadedBundle, query: Query, deadline: Deadline, permit: Permit) -> RankedList:
        trace = Trace(on_spare=partial(self._gate.spare, permit))
        await self._gate.turn(permit)
        with tracing(trace):
            ranked = await bundle.cascade.ranked(query, deadline, trace)
        permit.spare_s = trace.spare_s
        self._note(query, trace)
        degraded, narrowed = tuple(trace.degraded), bool(query.exclude)
        return RankedList(query.url, bundle.name, light(ranked), degraded, trace.cut, narrowed)

    def _note(self, query: Query, trace: Trace) -> None:
        """Count what a computation took and lacked, and hand an unknown page to the next refresh."""
        self._count(trace)
        if self._unknown is not None and UNKNOWN_PAGE in trace.degraded:
            self._unknown.note(query)

    def _count(self, trace: Trace) -> None:
        for stage, ms in trace.ms.items():
            self.metrics.stage.labels(stage).observe(ms)
        for reason in trace.degraded:
            self.metrics.degraded.labels(reason).inc()
        for path, found in trace.recalled.items():
            self.metrics.recalled.labels(path).observe(len(found))


def _seconds(budget_ms: float) -> float:
    """Return the seconds of a budget in which to compute."""
    return (1 - _WAY_OUT) * budget_ms / 1e3


async def recommend_each(
    recommender: Recommender, asks: list[Ask | ClientError], concurrency: int, until: float = math.inf
) -> list[Answer | ClientError | Refusal]:
    """Answer a batch, at most `concurrency` at a time; each gets its own answer or its own error, in order.

    `until` is a moment of the monotonic clock: what is not answered by then is DeadlineExceeded, and the rest is there.
    """
    results: dict[int, Answer | ClientError | Refusal] = {}
    left = deque(enumerate(asks))
    workers = min(concurrency, len(asks))

    async def work() -> None:
        nonlocal workers
        while left:
            number, ask = left.popleft()
            try:
                results[number] = ask if isinstance(ask, ClientError) else await _answered(recommender, ask, until)
            except ClientError as error:
                results[number] = error
            except Refusal as refusal:
                if workers > 1 and not isinstance(refusal, DeadlineExceeded):
                    left.appendleft((number, ask))  # the others go on with it: a batch by itself is never too much
                    break
                results[number] = refusal
        workers -= 1

    await asyncio.gather(*(work() for _ in range(workers)))
    return [results[number] for number in range(len(asks))]


async def _answered(recommender: Recommender, ask: Ask, until: float) -> Answer:
    """Return the answer, within what is left of the time for all. Raises ClientError and Refusal."""
    if math.isinf(until):
        return await recommender.recommend(ask)
    left_s = until - time.monotonic()
    if left_s < _LEAST_S:
        raise DeadlineExceeded
    budget_ms = min(1e3 * left_s, ask.budget_ms or recommender.budget_ms)
    try:
        async with asyncio.timeout(left_s):
            return await recommender.recommend(replace(ask, budget_ms=budget_ms))
    except TimeoutError:
        raise DeadlineExceeded from None
