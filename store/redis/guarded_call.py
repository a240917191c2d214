"""Calls to one server with a time limit, a circuit breaker, and a count of every outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from redis.exceptions import MaxConnectionsError

from store.redis.circuit_breaker import Attempt, Breaker, State

log = logging.getLogger(__name__)

_STALLED = 1.5  # times the wait: a timer this late means that the event loop was blocked, not that the server is slow

T = TypeVar("T")


class Outcome(StrEnum):
    """The outcome of a call."""

    ANSWERED = "answered"
    LATE = "late"  # the caller stopped waiting
    FAILED = "failed"
    NO_CONNECTION = "no_connection"  # all connections are in use
    NOT_MADE = "not_made"  # the breaker is open


# Other outcomes say nothing about the server.
_FAILED = {Outcome.ANSWERED: False, Outcome.LATE: True, Outcome.FAILED: True}


class Guard:
    """Makes calls to one server; for one event loop.

    A late call is not cancelled: the client's own timeouts end it, and a connection that was slow to open serves the
    next call. `fallback` is the phrase that is logged while the breaker is open.
    """

    def __init__(
        self,
        name: str,
        wait_s: float,
        breaker: Breaker,
        count: Callable[[Outcome], None],
        fallback: str = "reading rows from the bundle",
    ) -> None:
        self.name = name
        self._fallback = fallback
        self._wait_s, self._breaker, self._count = wait_s, breaker, count
        self._error = ""
        self._running: set[asyncio.Task[tuple[Outcome, object]]] = set()

    async def call(self, make: Callable[[], Awaitable[T]]) -> T | None:
        """Return the call's result, or None if there is none in time; server errors are never raised."""
        attempt = self._breaker.admit()
        if attempt is None:
            self._count(Outcome.NOT_MADE)
            return None
        task = asyncio.create_task(self._outcome(make))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await _within(task, self._wait_s)
            outcome, answer = task.result() if task.done() else (Outcome.LATE, None)
        except asyncio.CancelledError:
            attempt.finish(failed=None)
            raise
        self._record(attempt, outcome)
        self._count(outcome)
        return answer

    async def close(self) -> None:
        """Cancel the calls that are still running."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _outcome(self, make: Callable[[], Awaitable[T]]) -> tuple[Outcome, T | None]:
        try:
            return Outcome.ANSWERED, await make()
        except MaxConnectionsError:
            return Outcome.NO_CONNECTION, None
        except Exception as error:  # a server may cause any error
            self._error = f"{type(error).__name__}: {error}"
            return Outcome.FAILED, None

    def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        """Report to the breaker; log when it opens and closes, but not failed trials, which would fill the log."""
        before = self._breaker.state
        attempt.finish(_FAILED.get(outcome))
        if before is State.CLOSED and self._breaker.state is State.OPEN:
            why = self._error if outcome is Outcome.FAILED else "no answer in time"
            log.warning("Redis %s is unavailable, %s: %s", self.name, self._fallback, why)
        elif attempt.trial and self._breaker.state is State.CLOSED:
            log.warning("Redis %s is available again", self.name)


async def _within(task: asyncio.Task[tuple[Outcome, object]], seconds: float) -> None:
    """Wait for a task; if the event loop was blocked, wait once more: the answer may be unread in the socket."""
    began = time.monotonic()
    await asyncio.wait({task}, timeout=seconds)
    if not task.done() and time.monotonic() - began > _STALLED * seconds:
        await asyncio.wait({task}, timeout=seconds)
