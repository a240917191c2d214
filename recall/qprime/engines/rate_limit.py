"""The rate limit of one provider: calls start evenly spaced, and none before a Retry-After has passed."""

from __future__ import annotations

import asyncio
import time


class RateLimiter:
    """Spaces the starts of calls across all searches of an engine; not thread-safe."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = 0.0  # on the monotonic clock: when the next call may start
        self._until = 0.0  # no call before this time: the provider's Retry-After

    async def wait(self) -> None:
        """Wait until this call may start."""
        while True:
            start = max(time.monotonic(), self._next, self._until)
            self._next = start + self._gap
            await asyncio.sleep(start - time.monotonic())
            if self._until <= start:  # a hold set meanwhile restarts the wait; else all calls would start when it ends
                return

    def hold(self, seconds: float) -> None:
        """Delay all calls by `seconds`, as a Retry-After requests."""
        self._until = max(self._until, time.monotonic() + seconds)

    def held(self) -> float:
        """Return the remaining seconds of a hold."""
        return max(0.0, self._until - time.monotonic())
