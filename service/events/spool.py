"""The spool: every event is on this machine's disk before it is acknowledged, and waits there for the sink."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.events import segments
from service.events.refusals import NotKept
from service.events.segments import Segment

log = logging.getLogger(__name__)

_SEGMENT = 16 << 20  # bytes after which a segment is sealed
_GATHER_S = 0.02  # from one write to the next: each costs as much as ten events, whatever its size


class Spool:
    """Appends lines to this process's segment; for one event loop.

    Lines that arrive soon after a write, or while the disk is busy, are written and synced together, by one thread.
    `max_bytes` bounds the segments of all processes; they are measured once per `rotate`.
    """

    def __init__(self, directory: Path, max_bytes: float, rotate_s: float) -> None:
        self.directory = directory
        self._max_bytes, self._rotate_s = max_bytes, rotate_s
        self._thread = ThreadPoolExecutor(1, "events")
        self._segment: Segment | None = None
        self._began = 0.0  # when the segment was opened
        self._next = 0.0  # earliest time of the next write
        self._elsewhere = 0  # bytes of other segments
        self._pending: list[bytes] = []
        self._written: asyncio.Future[None] | None = None  # of the pending lines
        self._writing: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """Bytes that wait for the sink."""
        return self._elsewhere + (self._segment.bytes if self._segment else 0) + sum(map(len, self._pending))

    def append(self, lines: bytes) -> asyncio.Future[None]:
        """Return what ends once the lines are on disk; it may raise NotKept. Raises NotKept where the spool is full."""
        if self.size + len(lines) > self._max_bytes:
            raise NotKept("The spool of events is full (`feedback.spool_mb`), since the sink takes none")
        self._pending.append(lines)
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_pending())
        return self._written

    async def rotate(self, now: bool = False) -> None:
        """Seal this process's segment if it is old or large (or `now`), and measure the spool."""
        await self._in_thread(self._rotate, now)

    async def close(self) -> None:
        """Write what is pending and seal the segment."""
        if self._writing is not None:
            await self._writing
        await self.rotate(now=True)
        self._thread.shutdown()

    async def _write_pending(self) -> None:
        while self._pending and self._written is not None:
            await asyncio.sleep(self._next - time.monotonic())
            self._next = time.monotonic() + _GATHER_S
            lines, written = b"".join(self._pending), self._written
            self._pending, self._written = [], None
            try:
                await self._in_thread(self._write, lines)
            except OSError as error:
                log.warning("events could not be written to %s: %s", self.directory, error.strerror)
                written.set_exception(NotKept(f"The disk of events does not take them ({error.strerror})"))
            else:
                written.set_result(None)

    def _write(self, lines: bytes) -> None:
        if self._segment is None:
            self._segment, self._began = Segment(self.directory), time.monotonic()
        try:
            self._segment.write(lines)
        except OSError:
            self._seal()  # part of the lines may be in it
            raise

    def _rotate(self, now: bool) -> None:
        segment = self._segment
        if segment is not None and (now or segment.bytes >= _SEGMENT or self._is_old()):
            self._seal()
        self._elsewhere = segments.size(self.directory) - (self._segment.bytes if self._segment else 0)

    def _is_old(self) -> bool:
        """Return whether it is time to seal; segments that the sink does not take yet need no company."""
        return time.monotonic() - self._began >= self._rotate_s and not segments.sealed(self.directory)

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.seal()

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
