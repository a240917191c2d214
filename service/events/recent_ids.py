"""The IDs of recent events: an event that a client sends twice counts once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class RecentIds:
    """At most `most` event IDs, the newest; for one event loop. An event is in it from when its writing began."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: OrderedDict[str, asyncio.Future[None]] = OrderedDict()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def written(self, event_id: str) -> asyncio.Future[None] | None:
        """Return what ends, or has ended, when the event is on disk; None for an unknown event."""
        return self._ids.get(event_id)

    def add(self, event_id: str, written: asyncio.Future[None]) -> None:
        """Remember an event, and what ends when it is on disk."""
        self._ids[event_id] = written
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def forget(self, event_id: str) -> None:
        """Forget an event that could not be written: it will be sent again."""
        self._ids.pop(event_id, None)
