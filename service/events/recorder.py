"""Records events: each is checked, credited, kept on disk, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol

from service.events.credit import Credits, Row
from service.events.event import Rejection, read_event
from service.events.recent_ids import RecentIds
from service.events.refusals import TooManyEvents
from service.events.rejected import RejectedEvents
from service.events.sender import Sender
from service.events.spool import Spool
from service.metrics import Metrics

ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
_AT_ONCE = 25  # events read before answers get the event loop again


class SharedIds(Protocol):
    """Event IDs that all replicas know; no reply in time means that none is known."""

    async def known(self, event_ids: Sequence[str]) -> set[str]: ...

    async def add(self, event_ids: Sequence[str]) -> None: ...


class Result(NamedTuple):
    """What became of one event."""

    event_id: str
    status: str
    why: Rejection | None = None


@dataclass(slots=True)
class _Batch:
    """A batch while it is read: the result of each event, the rows to write, and what was rejected."""

    results: list[Result]
    rows: dict[str, Row]
    rejected: list[tuple[Any, Rejection]]


class Recorder:
    """Records batches of events; for one event loop."""

    def __init__(
        self,
        credits_: Credits,
        spool: Spool,
        sender: Sender,
        rejected: RejectedEvents,
        metrics: Metrics,
        most: int,
        ids: RecentIds,
        shared: SharedIds | None = None,
    ) -> None:
        self._credits, self._spool, self._sender, self._rejected = credits_, spool, sender, rejected
        self._counted, self._most, self._ids, self._shared = cache(metrics.events.labels), most, ids, shared
        self._by_arm = cache(metrics.arm_events.labels)
        self._recording: set[asyncio.Task[list[Result]]] = set()
        metrics.spool_bytes.set_function(lambda: spool.size)

    def start(self) -> None:
        """Send recorded events to the sink in the background. Raises OSError where the spool cannot be written."""
        self._spool.directory.mkdir(parents=True, exist_ok=True)
        self._sender.start()

    async def close(self) -> None:
        """Hand what was recorded to the sink, or leave it in the spool for the next start."""
        await asyncio.gather(*self._recording, return_exceptions=True)
        await self._sender.close()

    async def record(self, events: Sequence[Any]) -> list[Result]:
        """Return the result of each event, in order, once the accepted ones are on disk.

        They are recorded also if the caller goes, as a browser does that leaves the page. Raises TooManyEvents and
        NotKept: then none is acknowledged, and all may be sent again.
        """
        if len(events) > self._most:
            raise TooManyEvents(len(events), self._most)
        recording = asyncio.create_task(self._record(events))
        self._recording.add(recording)
        recording.add_done_callback(self._ended)
        return await asyncio.shield(recording)

    def _ended(self, recording: asyncio.Task[list[Result]]) -> None:
        self._recording.discard(recording)
        if not recording.cancelled():
            recording.exception()  # retrieved here too: the caller may have gone

    async def _record(self, events: Sequence[Any]) -> list[Result]:
        batch = _Batch([], {}, [])
        received = self._credits.now()
        for number, event in enumerate(events, 1):
            self._read(event, received, batch)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        known = await self._shared.known(list(batch.rows)) if self._shared and batch.rows else set()
        await self._write({each: row for each, row in batch.rows.items() if each not in known}, batch)
        if batch.rejected:
            await self._rejected.keep(batch.rejected)
        for result, many in Counter(map(_counted_as, batch.results)).items():
            self._counted(result).inc(many)
        return batch.results

    def _read(self, event: Any, received: float, batch: _Batch) -> None:
        try:
            read = read_event(event)
            if read.event_id not in batch.rows and read.event_id not in self._ids:
                batch.rows[read.event_id] = self._credits.row(read, received)
                batch.results.append(Result(read.event_id, ACCEPTED))
            else:
                batch.results.append(Result(read.event_id, DUPLICATE))
        except Rejection as why:
            batch.rejected.append((event, why))
            batch.results.append(Result(_id_of(event), REJECTED, why))

    async def _write(self, rows: dict[str, Row], batch: _Batch) -> None:
        """Write new rows, and wait for those that other requests are writing. Raises NotKept."""
        new = {event_id: row for event_id, row in rows.items() if event_id not in self._ids}  # others came meanwhile
        ended = {self._ids.written(result.event_id) for result in batch.results} - {None}
        if new:
            ended.add(self._append(new))
        for written in ended:
            if written is not None:
                await asyncio.shield(written)
        self._count_arms(new.values())
        if self._shared and new:
            await self._shared.add(list(new))
        for place, result in enumerate(batch.results):
            if result.status == ACCEPTED and result.event_id not in new:
                batch.results[place] = result._replace(status=DUPLICATE)

    def _count_arms(self, rows: Iterable[Row]) -> None:
        credited = Counter((row.experiment, arm, row.kind) for row in rows for arm in row.arms)
        for labels, many in credited.items():
            self._by_arm(*labels).inc(many)

    def _append(self, new: dict[str, Row]) -> asyncio.Future[None]:
        written = self._spool.append(b"".join(row.line for row in new.values()))
        for event_id in new:
            self._ids.add(event_id, written)

        def ended(written: asyncio.Future[None]) -> None:  # a callback: whoever waited may have been cancelled
            if written.exception() is not None:  # they will be sent again
                for event_id in new:
                    self._ids.forget(event_id)

        written.add_done_callback(ended)
        return written


def _counted_as(result: Result) -> str:
    return result.status if result.why is None else result.why.reason


def _id_of(event: Any) -> str:
    sent = event.get("event_id") if isinstance(event, dict) else None
    return sent[:64] if isinstance(sent, str) else ""
