"""Guards the calls to one server: none waits long, none is made in vain, and every end is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from redis.exceptions import MaxConnectionsError

from store.breaker import Attempt, Breaker, State

log = logging.getLogger(__name__)

_STALLED = 1.5  # waits: a timer that comes so late tells of a busy event loop, not of a slow server

T = TypeVar("T")


class Ended(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    LATE = "late"  # nobody waits for it any more
    FAILED = "failed"
    NO_CONNECTION = "no_connection"  # all are in use
    NOT_MADE = "not_made"  # the breaker is open


_FAILED = {Ended.ANSWERED: False, Ended.LATE: True, Ended.FAILED: True}  # the others tell nothing of the server


class Guard:
    """Makes calls to one server; for one event loop.

    A late call is not cancelled: the client's own limits end it, and a connection that was slow in the making serves
    the next one.
    """

    def __init__(
        self,
        name: str,
        wait_s: float,
        breaker: Breaker,
        count: Callable[[Ended], None],
        instead: str = "rows come from the bundle",
    ) -> None:
        self.name = name
        self._instead = instead
        self._wait_s, self._breaker, self._count = wait_s, breaker, count
        self._error = ""
        self._running: set[asyncio.Task[tuple[Ended, object]]] = set()

    async def call(self, make: Callable[[], Awaitable[T]]) -> T | None:
        """Return what the call answers, or None when it gives no answer in time; never raises for the server."""
        attempt = self._breaker.admit()
        if attempt is None:
            self._count(Ended.NOT_MADE)
            return None
        task = asyncio.create_task(self._outcome(make))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await _within(task, self._wait_s)
            ended, answer = task.result() if task.done() else (Ended.LATE, None)
        except asyncio.CancelledError:
            attempt.ended(failed=None)
            raise
        self._told(attempt, ended)
        self._count(ended)
        return answer

    async def close(self) -> None:
        """End what still runs."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _outcome(self, make: Callable[[], Awaitable[T]]) -> tuple[Ended, T | None]:
        try:
            return Ended.ANSWERED, await make()
        except MaxConnectionsError:
            return Ended.NO_CONNECTION, None
        except Exception as error:  # a server may fail in any way
            self._error = f"{type(error).__name__}: {error}"
            return Ended.FAILED, None

    def _told(self, attempt: Attempt, ended: Ended) -> None:
        """Tell the breaker, and log what begins and what is over; trials in between would fill the log."""
        before = self._breaker.state
        attempt.ended(_FAILED.get(ended))
        if before is State.CLOSED and self._breaker.state is State.OPEN:
            why = self._error if ended is Ended.FAILED else "it does not answer in time"
            log.warning("Redis %s is left alone, %s: %s", self.name, self._instead, why)
        elif attempt.trial and self._breaker.state is State.CLOSED:
            log.warning("Redis %s is back", self.name)


async def _within(task: asyncio.Task[tuple[Ended, object]], seconds: float) -> None:
    """Wait for a task, once more if the loop itself stood still: the answer may lie unread in the socket."""
    began = time.monotonic()
    await asyncio.wait({task}, timeout=seconds)
    if not task.done() and time.monotonic() - began > _STALLED * seconds:
        await asyncio.wait({task}, timeout=seconds)
