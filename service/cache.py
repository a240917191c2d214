"""A cache of answers: bounded in bytes, one computation a key, stale answers served while a new one is made."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from service.refusal import Refusal

log = logging.getLogger(__name__)


class Sized(Protocol):
    """What can be cached: it knows its bytes, and whether it is worth keeping."""

    @property
    def size(self) -> int: ...

    @property
    def cacheable(self) -> bool: ...


V = TypeVar("V", bound=Sized)

_Place = tuple[Hashable, Hashable]  # key and variant of a computation


@dataclass(slots=True)
class _Flight(Generic[V]):
    """One computation under way, and how many callers wait for it."""

    task: asyncio.Future[V]
    place: _Place
    waiters: int
    wanted: bool = True  # False when its value shall not be kept


class Cache(Generic[V]):
    """An LRU cache with single flight and stale-while-revalidate; for one event loop.

    Values younger than `ttl_s` are served; for `stale_s` after that they are served while one new value is
    computed. `count` is told `hit`, `stale`, `miss` or `joined` for every lookup. Errors and values that
    say they are not cacheable reach their callers and are not kept.
    """

    def __init__(
        self,
        max_bytes: int,
        ttl_s: float,
        stale_s: float,
        count: Callable[[str], None] = lambda result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bytes = 0
        self._max_bytes, self._ttl_s, self._stale_s = max_bytes, ttl_s, stale_s
        self._count, self._clock = count, clock
        self._kept: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._flights: dict[_Place, _Flight[V]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: Hashable) -> V | None:
        """Return the value of `key` where it is kept and younger than `ttl_s`; nothing is computed or counted else."""
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept[0] > self._ttl_s:
            return None
        self._kept.move_to_end(key)
        self._count("hit")
        return kept[1]

    def under_way(self, key: Hashable, variant: Hashable) -> bool:
        """Whether `get` would compute nothing new: the value is being computed, or an old one is at hand."""
        return key in self._kept or (key, variant) in self._flights

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[V]], variant: Hashable = None) -> V:
        """Return the value of `key`, computing it if need be.

        `compute` is called at once, before anything is waited for; what it returns runs as a task. It may raise
        Refusal, which reaches the caller. `variant` parts
        computations that may not be shared though their values may, such as two budgets.
        A cancelled caller ends the computation only when nobody else waits for it.
        """
        if (kept := self._kept.get(key)) is not None:
            age = self._clock() - kept[0]
            if age <= self._ttl_s + self._stale_s:
                self._kept.move_to_end(key)
                self._count("hit" if age <= self._ttl_s else "stale")
                if age > self._ttl_s and (key, None) not in self._flights:
                    with suppress(Refusal):  # the old answer is at hand: a refresh can wait
                        self._start(key, None, compute, waiters=1)  # nobody's cancellation may end a refresh
                return kept[1]
            self._drop(key)
        flight = self._flights.get((key, variant))
        self._count("miss" if flight is None else "joined")
        return await self._wait(flight or self._start(key, variant, compute, waiters=0))

    def forget(self, unwanted: Callable[[Any], bool]) -> None:
        """Drop the values of unwanted keys; one that is being computed reaches its callers and is not kept."""
        for key in [key for key in self._kept if unwanted(key)]:
            self._drop(key)
        for flight in self._flights.values():
            flight.wanted = flight.wanted and not unwanted(flight.place[0])

    def close(self) -> None:
        """Cancel what is being computed and forget everything."""
        for flight in self._flights.values():
            flight.task.cancel()
        self._kept.clear()
        self.bytes = 0

    def _start(self, key: Hashable, variant: Hashable, compute: Callable[[], Awaitable[V]], waiters: int) -> _Flight[V]:
        def landed(task: asyncio.Future[V]) -> None:  # before any waiter goes on, who may ask again
            self._forget(flight)
            if task.cancelled():
                return
            if (error := task.exception()) is None:
                if flight.wanted:
                    self._keep(key, task.result())
            elif not isinstance(error, Refusal):
                log.warning("an answer could not be computed: %r", error)

        flight = _Flight(asyncio.ensure_future(compute()), (key, variant), waiters)
        flight.task.add_done_callback(landed)
        self._flights[flight.place] = flight
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
        if self._flights.get(flight.place) is flight:
            del self._flights[flight.place]

    def _keep(self, key: Hashable, value: V) -> None:
        if not value.cacheable or value.size > self._max_bytes:
            return
        self._drop(key)
        self._kept[key] = (self._clock(), value)
        self.bytes += value.size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self.bytes -= kept[1].size
