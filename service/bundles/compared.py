"""One more published bundle, open while somebody compares its answers with those of the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from configs.reading import SettingsError
from service.live_bundle import Lease

_IDLE_S = 300.0


class ComparedBundle:
    """Keeps one bundle open beside the live one; for one event loop.

    `hold` opens it, checked and warm; `released` is called when it is closed: after five minutes without a question,
    or when another one is asked for.
    """

    def __init__(
        self, hold: Callable[[str], Awaitable[Lease]], released: Callable[[], None], idle_s: float = _IDLE_S
    ) -> None:
        self._hold, self._released, self._idle_s = hold, released, idle_s
        self._lease: Lease | None = None
        self._opening = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ended = False

    async def open(self, name: str) -> str:
        """Keep the named bundle open, in place of the one before. Raises SettingsError."""
        async with self._opening:
            if self._lease is None or self._lease.bundle.name != name:
                self.close()
                lease = await self._hold(name)
                if self._ended:
                    lease.release()
                    raise SettingsError("the gateway is shutting down")
                self._lease = lease
            self._wait()
            return self._lease.bundle.name

    def close(self) -> None:
        """Let go of the bundle; it is closed when no request uses it any more."""
        if self._idle is not None:
            self._idle.cancel()
        if self._lease is not None:
            lease, self._lease = self._lease, None
            lease.release()
            self._released()

    def end(self) -> None:
        """Let go of the bundle, and of one that is being opened: the gateway is closed."""
        self._ended = True
        self.close()

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.close)
