"""A cache: bounded in bytes, one computation per key, stale values served while they are refreshed."""

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
_AT_ONCE = 1_000  # entries looked at before other tasks run
_SLACK = 0.05  # of a caller's budget: a computation that ends that much later is still joined
_MIN_BUDGET = 0.8  # of a caller's budget: a computation with less may leave out what the caller has time for


class Sized(Protocol):
    """What can be cached: it knows its size in bytes."""

    @property
    def size(self) -> int: ...


V = TypeVar("V", bound=Sized)


@dataclass(slots=True)
class _Entry(Generic[V]):
    """A value, the time when it was computed, and the bytes counted for it and its key."""

    computed: float
    value: V
    bytes: int


@dataclass(slots=True)
class _Flight(Generic[V]):
    """One computation in flight, when it ends at the latest, and how many callers wait for it."""

    task: asyncio.Future[V]
    key: Hashable
    budget_s: float
    until: float
    waiters: int
    wanted: bool = True  # False when its value must not be cached


class Cache(Generic[V]):
    """An LRU cache with single flight and stale-while-revalidate; for one event loop.

    Values younger than `ttl_s` are served; for `stale_s` after that they are served while one new value is
    computed. `count` is called with `hit`, `stale`, `miss` or `joined` for every look-up. Errors, and values that
    `keeps` rejects, reach their callers and are not cached. Keys count towards the bytes: callers choose some of them.
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
        self._entries: OrderedDict[Hashable, _Entry[V]] = OrderedDict()
        self._flights: dict[Hashable, list[_Flight[V]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def fresh(self, key: Hashable) -> V | None:
        """Return the value of `key` where it is cached and fresh; otherwise nothing is computed or counted."""
        entry = self._entries.get(key)
        if entry is None or self._clock() - entry.computed > self._ttl_s:
            return None
        self._entries.move_to_end(key)
        self._count("hit")
        return entry.value

    def holds(self, key: Hashable) -> bool:
        """Return whether `get` would return a value that is cached, fresh or stale."""
        entry = self._entries.get(key)
        return entry is not None and self._clock() - entry.computed <= self._ttl_s + self._stale_s

    def put(self, key: Hashable, value: V) -> None:
        """Cache a value that needed no computation."""
        self._count("stored")
        self._store(key, value)

    def in_flight(self, key: Hashable, budget_s: float = math.inf) -> bool:
        """Return whether `get` would start no computation: one can be joined, or a value is cached."""
        return key in self._entries or self._joinable(key, budget_s) is not None

    async def get(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
        budget_s: float = math.inf,
        refresh: Callable[[], Awaitable[V]] | None = None,
    ) -> V:
        """Return the value of `key`, computed if needed, within about `budget_s`.

        `compute` is called before anything is awaited, and its result runs as a task. It may raise Refusal, which
        reaches the caller. A computation in flight is joined where it ends in time and has about as much time as this
        caller allows. `refresh` (or `compute`) replaces a stale value. A cancelled caller cancels the computation only
        when no other caller waits for it.
        """
        if (entry := self._entries.get(key)) is not None:
            age = self._clock() - entry.computed
            if age <= self._ttl_s + self._stale_s:
                self._entries.move_to_end(key)
                self._count("hit" if age <= self._ttl_s else "stale")
                if age > self._ttl_s and key not in self._flights:
                    with suppress(Refusal):  # the stale value is served: the refresh can wait
                        self._start(key, refresh or compute, math.inf, waiters=1)  # no caller may cancel it
                return entry.value
            self._drop(key)
        flight = self._joinable(key, budget_s)
        self._count("miss" if flight is None else "joined")
        return await self._wait(flight or self._start(key, compute, budget_s, waiters=0))

    def weigh(self, key: Hashable) -> None:
        """Count the bytes of a cached value again after it has grown."""
        if (entry := self._entries.get(key)) is not None:
            grown = _ENTRY + weight(key) + entry.value.size
            self.bytes += grown - entry.bytes
            entry.bytes = grown
            self._evict()

    def forget(self, unwanted: Callable[[Any], bool]) -> None:
        """Drop the values of unwanted keys; values being computed reach their callers and are not cached."""
        for key in [key for key in self._entries if unwanted(key)]:
            self._drop(key)
        for flights in self._flights.values():
            for flight in flights:
                flight.wanted = flight.wanted and not unwanted(flight.key)

    def forget_values(self, unwanted: Callable[[V], bool]) -> None:
        """Drop unwanted values; all values being computed reach their callers and are not cached."""
        for key in [key for key, entry in self._entries.items() if unwanted(entry.value)]:
            self._drop(key)
        for flights in self._flights.values():
            for flight in flights:
                flight.wanted = False

    async def forget_where(self, unwanted: Callable[[V], bool]) -> int:
        """Like `forget_values`, a thousand at a time, for a condition that takes long; return how many were dropped."""
        for flights in self._flights.values():
            for flight in flights:
                flight.wanted = False
        dropped, keys = 0, list(self._entries)
        for place, key in enumerate(keys):
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if (entry := self._entries.get(key)) is not None and unwanted(entry.value):
                self._drop(key)
                dropped += 1
        return dropped

    def close(self) -> None:
        """Cancel the computations in flight and drop all values."""
        for flights in self._flights.values():
            for flight in flights:
                flight.task.cancel()
        self._entries.clear()
        self.bytes = 0

    def _joinable(self, key: Hashable, budget_s: float) -> _Flight[V] | None:
        until = self._clock() + budget_s * (1 + _SLACK)
        flights = self._flights.get(key, ())
        return next((one for one in flights if one.until <= until and one.budget_s >= _MIN_BUDGET * budget_s), None)

    def _start(self, key: Hashable, compute: Callable[[], Awaitable[V]], budget_s: float, waiters: int) -> _Flight[V]:
        def done(task: asyncio.Future[V]) -> None:  # runs before any waiter continues
            self._forget(flight)
            if task.cancelled():
                return
            if (error := task.exception()) is None:
                if flight.wanted:
                    self._store(key, task.result())
            elif not isinstance(error, Refusal):
                log.warning("an answer could not be computed: %r", error)

        flight = _Flight(asyncio.ensure_future(compute()), key, budget_s, self._clock() + budget_s, waiters)
        flight.task.add_done_callback(done)
        self._flights.setdefault(key, []).append(flight)
        return flight

    async def _wait(self, flight: _Flight[V]) -> V:
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._forget(flight)  # now: the next caller must not join a cancelled task
                flight.task.cancel()

    def _forget(self, flight: _Flight[V]) -> None:
        left = [other for other in self._flights.get(flight.key, ()) if other is not flight]
        if left:
            self._flights[flight.key] = left
        else:
            self._flights.pop(flight.key, None)

    def _store(self, key: Hashable, value: V) -> None:
        size = _ENTRY + weight(key) + value.size
        if size > self._max_bytes or not self._keeps(value):
            return
        self._drop(key)
        self._entries[key] = _Entry(self._clock(), value, size)
        self.bytes += size
        self._evict()

    def _evict(self) -> None:
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self.bytes -= entry.bytes


def weight(key: object) -> int:
    """Return the bytes of a key with all its parts."""
    inside = sum(map(weight, key)) if isinstance(key, tuple | frozenset) else 0
    return sys.getsizeof(key) + inside
