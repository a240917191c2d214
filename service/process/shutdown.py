"""The request to shut down gracefully, and how long to drain before the servers stop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress


class Stop:
    """The request to shut down gracefully: after draining, or without it."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self._skip_drain = asyncio.Event()

    def __call__(self, skip_drain: bool = False) -> None:
        """Shut the servers down; a second call skips the rest of the drain time."""
        if skip_drain or self.requested.is_set():
            self._skip_drain.set()
        self.requested.set()

    async def drain(self, seconds: float) -> None:
        """Wait until load balancers have stopped routing here, unless the drain is skipped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._skip_drain.wait()

    def on_signals(self) -> None:
        """Stop on SIGTERM; on SIGINT, from a person at a terminal, skip the drain."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self)
        loop.add_signal_handler(signal.SIGINT, self, True)
