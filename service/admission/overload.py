"""How many answers are computed at a time: a fixed number. Others wait for a place, unless they would be late.

A place is held for what an answer cannot do without, and the time of that alone is learnt. The cross-encoder fills
whatever time is left, on a thread and in a queue of its own (`cascade/bulkhead.py`): who comes to it gives the place
away. So a flood makes answers shorter before it makes refusals.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right, insort
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter

from cascade.latency_estimate import Pace
from service.admission.cpu_count import cores
from service.admission.refusal import Overloaded
from service.metrics import Metrics
from service.settings import OverloadSettings

_A_CORE = 4  # places: one computes, the others wait for a table, a thread or a time limit
_BY_DEADLINE = attrgetter("until")


@dataclass(eq=False, slots=True)
class Permit:
    """The right to compute, now or soon."""

    until: float  # the moment up to which its caller has patience
    turn: asyncio.Future[bool] | None = None  # of one that waits: a place, or that it is too late for one
    began: float | None = None
    holds: bool = False  # a place
    spare_s: float = 0.0  # of its time, spent on what could have been left out


class ConcurrencyLimit:
    """A fixed number of places, and a room where some wait for one, the nearest deadline first; for one event loop.

    Nobody's patience is longer than `budget_s`, however long an answer may take: the patient would get all places.
    """

    def __init__(
        self,
        settings: OverloadSettings,
        budget_s: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.places = settings.running or _A_CORE * cores()
        self.running = 0
        self.room: list[Permit] = []  # by deadline
        self._most, self._budget_s, self._clock = settings.waiting, budget_s, clock
        self._pace = Pace()
        self._refused = metrics.refused.labels("overloaded")
        metrics.limit.set(self.places)
        metrics.running.set_function(lambda: self.running)
        metrics.waiting.set_function(lambda: len(self.room))

    def check(self, budget_s: float) -> None:
        """Raise Overloaded where `enter` would: too many wait, or those ahead would leave no time."""
        if self._open:
            return
        until = self._until(budget_s)
        rounds = (bisect_right(self.room, until, key=_BY_DEADLINE) + 1) / self.places + 1
        if len(self.room) >= self._most or self._clock() + rounds * self._pace.expected() > until:
            raise self._refusal()

    def enter(self, budget_s: float) -> Permit:
        """Return a permit whose turn has come or will in time. Raises Overloaded at once otherwise."""
        self.check(budget_s)
        permit = Permit(self._until(budget_s))
        if self._open:
            self._start(permit)
        else:
            permit.turn = asyncio.get_running_loop().create_future()
            insort(self.room, permit, key=_BY_DEADLINE)
        return permit

    async def turn(self, permit: Permit) -> None:
        """Wait for a place. Raises Overloaded when the time that is left is needed to compute."""
        if permit.turn is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(permit)):
                if await permit.turn:
                    return
        raise self._refusal()

    def spare(self, permit: Permit) -> None:
        """Give its place to who waits: what follows could be left out."""
        if not permit.holds:
            return
        permit.holds = False
        self.running -= 1
        while self.room and self.running < self.places:
            permit = self.room.pop(0)
            if self._left_s(permit) >= 0:
                self._start(permit)
            elif permit.turn is not None and not permit.turn.done():
                permit.turn.set_result(False)

    def close(self, permit: Permit, learn: bool = True) -> None:
        """Take a permit back, once is enough; `learn` says whether its time counts towards the expected time."""
        if learn and permit.began is not None:
            self._pace.took(max(0.0, self._clock() - permit.began - permit.spare_s))
        permit.began = None
        if permit in self.room:
            self.room.remove(permit)
        self.spare(permit)

    def _start(self, permit: Permit) -> None:
        permit.began, permit.holds = self._clock(), True
        self.running += 1
        if permit.turn is not None and not permit.turn.done():
            permit.turn.set_result(True)

    @property
    def _open(self) -> bool:
        return self.running < self.places  # then nobody waits

    def _left_s(self, permit: Permit) -> float:
        """Return how much longer one may wait: it has to be computed too."""
        return permit.until - self._pace.expected() - self._clock()

    def _until(self, budget_s: float) -> float:
        return self._clock() + min(budget_s, self._budget_s)

    def _refusal(self) -> Overloaded:
        self._refused.inc()
        return Overloaded()
