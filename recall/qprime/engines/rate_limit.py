"""The rate limit of one provider: calls start evenly spaced, and none before the time that the provider asks for."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Spaces the starts of calls, over all searches of an engine; not for several threads."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = 0.0  # on the monotonic clock: when the next call may start
        self._until = 0.0  # until when the provider wants no call

    async def turn(self) -> None:
        """Wait until this call may start."""
        while True:
            start = max(time.monotonic(), self._next, self._until)
            self._next = start + self._gap
            await asyncio.sleep(start - time.monotonic())
            if self._until <= start:  # a hold that came meanwhile takes the turn away, or all would start at its end
                return

    def hold(self, seconds: float) -> None:
        """Let no call start for `seconds`: what a Retry-After asks for."""
        self._until = max(self._until, time.monotonic() + seconds)

    def held(self) -> float:
        """Return for how many seconds yet the provider wants no call."""
        return max(0.0, self._until - time.monotonic())
