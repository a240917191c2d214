"""Sends sealed segments to the sink, and deletes them when the sink has them; one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from service.events import segments
from service.events.sink import Sink, SinkDown
from service.events.spool import Spool

log = logging.getLogger(__name__)

_EVERY_S = 1.0  # between two looks at the spool
_SLOWEST_S = 30.0  # between two attempts while the sink is down
_AT_ONCE = 8  # segments
_AT_CLOSE_S = 5.0  # for the last events before the process ends
_LOCK = "sending.lock"


class Sender:
    """Sends what the spool holds, also segments of other workers and of processes that died."""

    def __init__(self, spool: Spool, sink: Sink, failed: Callable[[], None] = lambda: None) -> None:
        self._spool, self._sink, self._failed = spool, sink, failed
        self._wait_s = _EVERY_S
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send in the background."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Seal this process's segment and send what can be sent in a few seconds; the rest waits for the next start."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            await self._finish()
        await self._sink.close()

    async def _finish(self) -> None:
        try:
            await self._spool.close()
            async with asyncio.timeout(_AT_CLOSE_S):
                await self.send()
        except (TimeoutError, OSError) as error:
            log.warning("events wait in %s for the next start: %s", self._spool.directory, type(error).__name__)

    async def send(self) -> bool:
        """Send all sealed segments, unless another process does; return whether the sink took what it was given."""
        try:
            await send_sealed(self._spool.directory, self._sink, wait=False)
        except BlockingIOError:
            return True
        except SinkDown as error:
            self._failed()
            if self._wait_s == _EVERY_S:  # once per outage
                log.warning("sink %s takes no events, which wait in the spool: %s", self._sink.name, error)
            return False
        if self._wait_s > _EVERY_S:
            log.warning("sink %s takes events again", self._sink.name)
        return True

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._wait_s)
            try:
                await self._spool.rotate()
                sent = await self.send()
            except Exception as error:  # of the spool's disk, or of a client library: the next attempt may succeed
                log.warning("events cannot be sent from %s: %r", self._spool.directory, error)
                sent = False
            self._wait_s = _EVERY_S if sent else min(2 * self._wait_s, _SLOWEST_S)


async def send_sealed(directory: Path, sink: Sink, wait: bool) -> None:
    """Send all sealed segments, as the only process. Raises SinkDown, and BlockingIOError if another one is sending."""
    with ExitStack() as lock:
        await asyncio.to_thread(lock.enter_context, segments.locked(directory / _LOCK, wait))
        await asyncio.to_thread(segments.recover, directory)
        while some := (await asyncio.to_thread(segments.sealed, directory))[:_AT_ONCE]:
            await sink.take(some)
            await asyncio.to_thread(_delete, some)


def _delete(some: list[Path]) -> None:
    for path in some:
        path.unlink(missing_ok=True)
