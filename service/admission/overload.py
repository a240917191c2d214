"""Limits how many answers are computed in parallel. Further computations wait for a slot, unless they would be late.

A computation holds its slot only for the parts that every answer needs, and only their time is learnt. The
cross-encoder fills the time that is left, on a thread and in a queue of its own (`cascade/bulkhead.py`), so a
computation frees its slot before it. Overload therefore shortens answers before requests are refused.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right, insort
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter

from cascade.latency_estimate import LatencyEstimate
from service.admission.cpu_count import cpu_count
from service.admission.refusal import Overloaded
from service.metrics import Metrics
from service.settings import OverloadSettings

_SLOTS_PER_CPU = 4  # one computes, the others wait for a table, a thread or a timeout
_BY_DEADLINE = attrgetter("deadline")


@dataclass(eq=False, slots=True)
class Permit:
    """A slot, or a place in the queue for one."""

    deadline: float  # on the monotonic clock
    turn: asyncio.Future[bool] | None = None  # set while waiting: True once it has a slot, False if it is too late
    started: float | None = None
    holds_slot: bool = False
    spare_s: float = 0.0  # seconds of its run spent on optional parts of the answer


class ConcurrencyLimit:
    """A fixed number of slots, and a queue for them with the nearest deadline first; for one event loop.

    No deadline is later than `budget_s` from now, however long an answer may take: long budgets would otherwise get
    all the slots.
    """

    def __init__(
        self,
        settings: OverloadSettings,
        budget_s: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = settings.running or _SLOTS_PER_CPU * cpu_count()
        self.running = 0
        self.queue: list[Permit] = []  # by deadline
        self._max_queue, self._budget_s, self._clock = settings.waiting, budget_s, clock
        self._latency = LatencyEstimate()
        self._refused = metrics.refused.labels("overloaded")
        metrics.limit.set(self.slots)
        metrics.running.set_function(lambda: self.running)
        metrics.waiting.set_function(lambda: len(self.queue))

    def check(self, budget_s: float) -> None:
        """Raise Overloaded where `admit` would: the queue is full, or leaves no time to compute."""
        if self._has_free_slot:
            return
        deadline = self._deadline(budget_s)
        rounds = (bisect_right(self.queue, deadline, key=_BY_DEADLINE) + 1) / self.slots + 1
        if len(self.queue) >= self._max_queue or self._clock() + rounds * self._latency.expected() > deadline:
            raise self._refusal()

    def admit(self, budget_s: float) -> Permit:
        """Return a permit that has a slot, or will get one in time. Raises Overloaded otherwise."""
        self.check(budget_s)
        permit = Permit(self._deadline(budget_s))
        if self._has_free_slot:
            self._start(permit)
        else:
            permit.turn = asyncio.get_running_loop().create_future()
            insort(self.queue, permit, key=_BY_DEADLINE)
        return permit

    async def wait_for_slot(self, permit: Permit) -> None:
        """Wait for the permit's slot. Raises Overloaded once too little time is left to compute."""
        if permit.turn is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(permit)):
                if await permit.turn:
                    return
        raise self._refusal()

    def free_slot(self, permit: Permit) -> None:
        """Give the permit's slot to the next one in the queue: what follows is optional."""
        if not permit.holds_slot:
            return
        permit.holds_slot = False
        self.running -= 1
        while self.queue and self._has_free_slot:
            permit = self.queue.pop(0)
            if self._left_s(permit) >= 0:
                self._start(permit)
            elif permit.turn is not None and not permit.turn.done():
                permit.turn.set_result(False)

    def finish(self, permit: Permit, learn: bool = True) -> None:
        """End a permit, once or repeatedly; `learn` says whether its time counts towards the expected time."""
        if learn and permit.started is not None:
            self._latency.observe(max(0.0, self._clock() - permit.started - permit.spare_s))
        permit.started = None
        if permit in self.queue:
            self.queue.remove(permit)
        self.free_slot(permit)

    def _start(self, permit: Permit) -> None:
        permit.started, permit.holds_slot = self._clock(), True
        self.running += 1
        if permit.turn is not None and not permit.turn.done():
            permit.turn.set_result(True)

    @property
    def _has_free_slot(self) -> bool:
        return self.running < self.slots  # then the queue is empty

    def _left_s(self, permit: Permit) -> float:
        """Return how much longer the permit may wait and still be computed in time."""
        return permit.deadline - self._latency.expected() - self._clock()

    def _deadline(self, budget_s: float) -> float:
        return self._clock() + min(budget_s, self._budget_s)

    def _refusal(self) -> Overloaded:
        self._refused.inc()
        return Overloaded()
