"""Rejected events: kept with the reason, so that a site can see what its pages send wrong; bounded on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from service.events.event import Rejection
from service.events.segments import locked

log = logging.getLogger(__name__)

_MAX_EVENT = 2000  # characters of an event that are kept
_NEW, _OLD, _LOCK = "rejected.log", "rejected.old.log", "rejected.lock"


class RejectedEvents:
    """Appends to two files of half of `max_bytes` each; all workers share them."""

    def __init__(self, directory: Path, max_bytes: float) -> None:
        self._directory, self._half = directory, max_bytes / 2
        self._logged = False

    async def keep(self, rejected: Sequence[tuple[Any, Rejection]]) -> None:
        """Keep events as they were sent. If the disk does not take them, that is logged once."""
        if not self._half:
            return
        try:
            await asyncio.to_thread(self._append, b"".join(_line(*each) for each in rejected))
        except OSError as error:
            if not self._logged:
                self._logged = True
                log.warning("rejected events are not kept: %s: %s", self._directory, error.strerror)

    def _append(self, lines: bytes) -> None:
        new = self._directory / _NEW
        with locked(self._directory / _LOCK):
            with suppress(FileNotFoundError):
                if new.stat().st_size + len(lines) > self._half:
                    new.replace(self._directory / _OLD)
            with new.open("ab") as file:
                file.write(lines)


def read_rejected(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the rejected events, oldest first: `received`, `reason`, `field`, `problem`, `fix`, `event`."""
    for name in (_OLD, _NEW):
        with suppress(FileNotFoundError), (directory / name).open("rb") as file:
            for line in file:
                with suppress(orjson.JSONDecodeError):  # the last line of a killed process
                    yield orjson.loads(line)


def _line(event: Any, why: Rejection) -> bytes:
    try:
        sent = orjson.dumps(event).decode()
    except orjson.JSONEncodeError:  # nested more deeply than orjson writes, though it reads it
        event = sent = "(nested too deeply)"
    kept = {
        "received": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": why.reason,
        "field": why.field,
        "problem": why.problem,
        "fix": why.fix,
        "event": event if len(sent) <= _MAX_EVENT else sent[:_MAX_EVENT],
    }
    return orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE)
