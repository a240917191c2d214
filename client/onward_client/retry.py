"""When a call is sent again, and when it is sent twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from onward_client.errors import OnwardError

T = TypeVar("T")
_SPREAD = 0.25  # of the time that the gateway names: clients that were refused together do not come back together


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `attempts` in all, with random waits of up to `first_s`, twice as long each time, up to `most_s`.

    Where the gateway says when to retry, that is when. A retry that the deadline leaves no time for is not waited for.
    Every call may be sent again: a recommendation changes nothing, and an event counts once by its ID.
    """

    attempts: int = 3
    first_s: float = 0.05
    most_s: float = 1.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: it is {self.attempts}: give 1 for no retries, or more")
        if not 0 < self.first_s <= self.most_s:
            raise ValueError(f"first_s: it is {self.first_s:g}: give seconds above 0, at most most_s ({self.most_s:g})")

    async def __call__(self, attempt: Callable[[], Awaitable[T]], within_s: float) -> T:
        """Return what `attempt` returns, within `within_s`. Raises its last OnwardError."""
        return await tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_before_delay(within_s),
            wait=self._wait,
            retry=tenacity.retry_if_exception(_transient),
            reraise=True,
        )(attempt)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, OnwardError) and error.retry_after is not None:
            return error.retry_after * random.uniform(1, 1 + _SPREAD)  # noqa: S311
        return tenacity.wait_random_exponential(multiplier=self.first_s, max=self.most_s)(state)


def _transient(error: BaseException) -> bool:
    return isinstance(error, OnwardError) and error.transient


async def hedged(attempt: Callable[[], Awaitable[T]], after_s: float) -> T:
    """Return the first answer of one attempt, or of two where there is none after `after_s`; cancels the other.

    Raises the error of the attempt that fails last.
    """
    running: list[asyncio.Future[T]] = [asyncio.ensure_future(attempt())]
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        if not done:
            running.append(asyncio.ensure_future(attempt()))
        return await _first_answer(running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _first_answer(running: list[asyncio.Future[T]]) -> T:
    for ended in asyncio.as_completed(running):
        try:
            return await ended
        except OnwardError as error:
            last = error
    raise last
