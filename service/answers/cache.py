"""A cache: bounded in bytes, one computation a key, stale values served while a new one is made."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from service.admission.refusal import Refusal

log = logging.getLogger(__name__)

_ENTRY = 300  # bytes of an entry beside its key and its value
_SLACK = 0.05  # of a caller's budget: a computation that ends so much later still serves it
_POORER = 0.8  # of a caller's budget: a computation that has less may leave out what the caller has time for


class Sized(Protocol):
    """What can be cached: it knows its bytes."""

    @property
    def size(self) -> int: ...


V = TypeVar("V", bound=Sized)


@dataclass(slots=True)
class _Kept(Generic[V]):
    """A value, when it was made, and the bytes that were counted for it and its key."""

    made: float
    value: V
    bytes: int


@dataclass(slots=True)
class _Flight(Generic[V]):
    """One computation under way, when it ends at the latest, and how many callers wait for it."""

    task: asyncio.Future[V]
    key: Hashable
    budget_s: float
    until: float
    waiters: int
    wanted: bool = True  # False when its value shall not be kept


class Cache(Generic[V]):
    """An LRU cache with single flight and stale-while-revalidate; for one event loop.

    Values younger than `ttl_s` are served; for `stale_s` after that they are served while one new value is
    computed. `count` is told `hit`, `stale`, `miss` or `joined` for every lookup. Errors, and values that `keeps`
    does not want, reach their callers and are not kept. Keys count towards the bytes: callers choose some of them.
    """

    def __init__(
        self,
        max_bytes: int,
        ttl_s: float,
        stale_s: float,
        count: Callable[[str], None] = lambda result: None,
        clock: Callable[[], float] = time.monotonic,
        keeps: Callable[[V], bool] = lambda value: True,
    ) -> None:
        self.bytes = 0
        self._max_bytes, self._ttl_s, self._stale_s = max_bytes, ttl_s, stale_s
        self._count, self._clock, self._keeps = count, clock, keeps
        self._kept: OrderedDict[Hashable, _Kept[V]] = OrderedDict()
        self._flights: dict[Hashable, list[_Flight[V]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: Hashable) -> V | None:
        """Return the value of `key` where it is kept and younger than `ttl_s`; nothing is computed or counted else."""
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept.made > self._ttl_s:
            return None
        self._kept.move_to_end(key)
        self._count("hit")
        return kept.value

    def in_flight(self, key: Hashable, budget_s: float = math.inf) -> bool:
        """Whether `get` would compute nothing new: the value is being computed, or an old one is at hand."""
        return key in self._kept or self._joinable(key, budget_s) is not None

    async def get(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
        budget_s: float = math.inf,
        refresh: Callable[[], Awaitable[V]] | None = None,
    ) -> V:
        """Return the value of `key`, computing it if need be, within about `budget_s`.

        `compute` is called at once, before anything is waited for; what it returns runs as a task. It may raise
        Refusal, which reaches the caller. A computation under way is joined where it ends in time and has about as
        much time as this caller gives. `refresh` (or `compute`) makes the new value of a stale one. A cancelled caller
        ends the computation only when nobody else waits for it.
        """
        if (kept := self._kept.get(key)) is not None:
            age = self._clock() - kept.made
            if age <= self._ttl_s + self._stale_s:
                self._kept.move_to_end(key)
                self._count("hit" if age <= self._ttl_s else "stale")
                if age > self._ttl_s and key not in self._flights:
                    with suppress(Refusal):  # the old value is at hand: a refresh can wait
                        self._start(key, refresh or compute, math.inf, waiters=1)  # no cancellation may end a refresh
                return kept.value
            self._drop(key)
        flight = self._joinable(key, budget_s)
        self._count("miss" if flight is None else "joined")
        return await self._wait(flight or self._start(key, compute, budget_s, waiters=0))

    def weigh(self, key: Hashable) -> None:
        """Count the bytes of a kept value anew: it has grown."""
        if (kept := self._kept.get(key)) is not None:
            grown = _ENTRY + weight(key) + kept.value.size
            self.bytes += grown - kept.bytes
            kept.bytes = grown
            self._make_room()

    def forget(self, unwanted: Callable[[Any], bool]) -> None:
        """Drop the values of unwanted keys; one that is being computed reaches its callers and is not kept."""
        for key in [key for key in self._kept if unwanted(key)]:
            self._drop(key)
        for flights in self._flights.values():
            for flight in flights:
                flight.wanted = flight.wanted and not unwanted(flight.key)

    def close(self) -> None:
        """Cancel what is being computed and forget everything."""
        for flights in self._flights.values():
            for flight in flights:
                flight.task.cancel()
        self._kept.clear()
        self.bytes = 0

    def _joinable(self, key: Hashable, budget_s: float) -> _Flight[V] | None:
        until = self._clock() + budget_s * (1 + _SLACK)
        flights = self._flights.get(key, ())
        return next((one for one in flights if one.until <= until and one.budget_s >= _POORER * budget_s), None)

    def _start(self, key: Hashable, compute: Callable[[], Awaitable[V]], budget_s: float, waiters: int) -> _Flight[V]:
        def landed(task: asyncio.Future[V]) -> None:  # before any waiter goes on, who may ask again
            self._forget(flight)
            if task.cancelled():
                return
            if (error := task.exception()) is None:
                if flight.wanted:
                    self._keep(key, task.result())
            elif not isinstance(error, Refusal):
                log.warning("an answer could not be computed: %r", error)

        flight = _Flight(asyncio.ensure_future(compute()), key, budget_s, self._clock() + budget_s, waiters)
        flight.task.add_done_callback(landed)
        self._flights.setdefault(key, []).append(flight)
        return flight

    async def _wait(self, flight: _Flight[V]) -> V:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._forget(flight)  # at once: who asks next must not join a dying task
                flight.task.cancel()

    def _forget(self, flight: _Flight[V]) -> None:
        left = [other for other in self._flights.get(flight.key, ()) if other is not flight]
        if left:
            self._flights[flight.key] = left
        else:
            self._flights.pop(flight.key, None)

    def _keep(self, key: Hashable, value: V) -> None:
        took = _ENTRY + weight(key) + value.size
        if took > self._max_bytes or not self._keeps(value):
            return
        self._drop(key)
        self._kept[key] = _Kept(self._clock(), value, took)
        self.bytes += took
        self._make_room()

    def _make_room(self) -> None:
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self.bytes -= kept.bytes


def weight(key: object) -> int:
    """Return the bytes that a key takes with all its parts."""
    inside = sum(map(weight, key)) if isinstance(key, tuple | frozenset) else 0
    return sys.getsizeof(key) + inside
