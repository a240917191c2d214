"""The one way to an answer: canonical URL, cache, deadline, cascade. HTTP, gRPC and batch all come here."""

from __future__ import annotations

import asyncio
from collections import deque

from cascade.deadline import Deadline
from cascade.run import UNKNOWN_PAGE
from cascade.trace import Trace, tracing
from cascade.types import Query
from service.answer import Answer, Ask, recommendations
from service.asking import ClientError, query_of
from service.cache import Cache
from service.explain import explain
from service.live import Live, LoadedBundle
from service.metrics import Metrics
from service.overload import Gate, Permit
from service.refusal import Refusal
from service.settings import Settings
from service.shared_answers import SharedAnswers
from service.unknown_queue import UnknownQueue

_WAY_OUT = 0.05  # of the budget: an answer has to be written and sent too


class Recommender:
    """Answers one request at a time from the live bundle."""

    def __init__(
        self,
        live: Live,
        settings: Settings,
        metrics: Metrics | None = None,
        unknown: UnknownQueue | None = None,
        shared: SharedAnswers | None = None,
    ) -> None:
        self.live = live
        self._shared = shared
        self.metrics = metrics or Metrics()
        self._unknown = unknown
        self._settings = settings
        limits = settings.cache
        self._cache: Cache[Answer] = Cache(
            int(limits.max_mb * 1e6),
            limits.ttl_s,
            limits.stale_s,
            lambda result: self.metrics.cache.labels(result).inc(),
        )
        self._gate = Gate(settings.overload, settings.budget_ms / 1e3, self.metrics)
        self.metrics.cache_bytes.set_function(lambda: self._cache.bytes)
        self.metrics.address_bytes.set_function(lambda: self.live.bundle.addresses.kept_bytes)

    async def recommend(self, ask: Ask) -> Answer:
        """Return the pages worth reading after `ask.url1`: whole or degraded. Raises ClientError and Refusal."""
        with self.live.leased() as bundle:
            query = query_of(ask, bundle.addresses)
            budget_ms = self._budget_ms(ask)
            if ask.explain:
                return await self._explained(bundle, query, ask.k, budget_ms)
            return await self._cache.get(
                (query, ask.k, bundle.name), lambda: self._start(query, ask.k, budget_ms), variant=budget_ms
            )

    def forget_other_bundles(self) -> None:
        """Drop the answers of bundles that are not live any more: nobody asks for them again."""
        self._cache.forget(lambda key: bool(key[-1] != self.live.bundle.name))

    def at_once(self, ask: Ask) -> Answer | None:
        """Return the answer where it is kept and fresh; None where `recommend` has to be awaited, also for a bad URL.

        Raises Overloaded where `recommend` would.
        """
        bundle = self.live.bundle
        try:
            query = query_of(ask, bundle.addresses)
        except ClientError:
            return None
        key = (query, ask.k, bundle.name)
        answer = self._cache.fresh(key)
        if answer is None and not self._cache.under_way(key, self._budget_ms(ask)):
            self._gate.check(self._budget_ms(ask) / 1e3)
        return answer

    def _budget_ms(self, ask: Ask) -> float:
        return min(ask.budget_ms or self._settings.budget_ms, self._settings.max_budget_ms)

    def close(self) -> None:
        """End what is being computed."""
        self._cache.close()

    def _start(self, query: Query, k: int, budget_ms: float) -> asyncio.Task[Answer]:
        """Compute an answer in a task with a lease and a permit of its own: it may outlive the request that began it.

        Raises Overloaded.
        """
        permit = self._gate.enter(budget_ms / 1e3)
        lease = self.live.lease()
        task = asyncio.create_task(self._read_or_run(lease.bundle, query, k, budget_ms, permit))

        def ended(task: asyncio.Task[Answer]) -> None:  # not in the coroutine: it may be cancelled before it starts
            permit.close(told=not task.cancelled())
            lease.release()

        task.add_done_callback(ended)
        return task

    async def _explained(self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float) -> Answer:
        permit = self._gate.enter(budget_ms / 1e3)
        deadline = _deadline(budget_ms)
        try:
            return await self._run(bundle, query, k, deadline, permit, explained=True)
        finally:
            permit.close(told=False)  # a record of every stage takes longer than an answer

    async def _read_or_run(
        self, bundle: LoadedBundle, query: Query, k: int, budget_ms: float, permit: Permit
    ) -> Answer:
        """Return what another replica has computed, or compute it."""
        deadline = _deadline(budget_ms)
        if self._shared is None:
            return await self._run(bundle, query, k, deadline, permit)
        if (answer := await self._shared.get(bundle.name, query, k)) is not None:
            permit.close(told=False)  # a read tells nothing of a computation's time
            return answer
        answer = await self._run(bundle, query, k, deadline, permit)
        self._shared.keep(query, k, answer)
        return answer

    async def _run(
        self, bundle: LoadedBundle, query: Query, k: int, deadline: Deadline, permit: Permit, explained: bool = False
    ) -> Answer:
        trace = Trace(explain=explained)
        await permit.turn()
        with tracing(trace):
            chosen = await bundle.cascade.run(query, k, deadline, trace)
        permit.spare_s = trace.spare_s
        self._count(trace)
        if self._unknown is not None and UNKNOWN_PAGE in trace.degraded:
            self._unknown.note(query)
        answer = Answer(
            url1=query.url,
            recommendations=recommendations(chosen),
            degraded=tuple(trace.degraded),
            bundle=bundle.name,
            explain=await explain(trace, bundle.pages) if explained else None,
        )
        for page in answer.recommendations:
            for found in page.recalled_by:
                self.metrics.shown.labels(found.path).inc()
        return answer

    def _count(self, trace: Trace) -> None:
        for stage, ms in trace.ms.items():
            self.metrics.stage.labels(stage).observe(ms)
        for reason in trace.degraded:
            self.metrics.degraded.labels(reason).inc()
        for path, found in trace.recalled.items():
            self.metrics.recalled.labels(path).observe(len(found))


def _deadline(budget_ms: float) -> Deadline:
    return Deadline.after((1 - _WAY_OUT) * budget_ms / 1e3)


async def recommend_each(
    recommender: Recommender, asks: list[Ask | ClientError], concurrency: int
) -> list[Answer | ClientError | Refusal]:
    """Answer a batch, at most `concurrency` at a time; each gets its own answer or its own error, in order."""
    results: dict[int, Answer | ClientError | Refusal] = {}
    left = deque(enumerate(asks))
    workers = min(concurrency, len(asks))

    async def work() -> None:
        nonlocal workers
        while left:
            number, ask = left.popleft()
            try:
                results[number] = ask if isinstance(ask, ClientError) else await recommender.recommend(ask)
            except ClientError as error:
                results[number] = error
            except Refusal as refusal:
                if workers > 1:  # the others go on with it: a batch by itself is never too much
                    left.appendleft((number, ask))
                    break
                results[number] = refusal
        workers -= 1

    await asyncio.gather(*(work() for _ in range(workers)))
    return [results[number] for number in range(len(asks))]
