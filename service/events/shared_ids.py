"""Event IDs that all replicas know, in Redis."""

from __future__ import annotations

from collections.abc import Sequence

from store.redis.rows import RedisRows

_KEEP_S = 600.0  # clients that send again do so within minutes; and memory is bounded by it


class RedisIds:
    """Looks up and remembers event IDs. A Redis that does not reply knows none: then readers of events drop repeats."""

    def __init__(self, rows: RedisRows) -> None:
        self._rows = rows

    async def known(self, event_ids: Sequence[str]) -> set[str]:
        """Return those that a replica has recorded lately."""
        rows = await self._rows.read([_key(each) for each in event_ids])
        return {event_id for event_id, row in zip(event_ids, rows, strict=True) if isinstance(row, bytes)}

    async def add(self, event_ids: Sequence[str]) -> None:
        """Remember events that are on disk."""
        await self._rows.write_many({_key(each): b"1" for each in event_ids}, _KEEP_S)


def _key(event_id: str) -> bytes:
    return b"onward:event:%b" % event_id.encode()
