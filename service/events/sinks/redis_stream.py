"""A Redis stream: one entry per event, with the row as JSON in the field `event`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from service.events.sink import SinkDown
from service.settings import RedisSinkSettings
from store.redis import client
from store.redis.client import SocketLimits
from store.redis.url import RedisAddress

_AT_ONCE = 500  # events per transaction
_KEEP_S = 7 * 86_400  # of what was sent from a segment; by then it is deleted
_LIMITS = SocketLimits(silent_s=5.0, connect_s=2.0, connections=2)


class RedisStreamSink:
    """Adds events and notes how many of a segment it has added in one transaction: a retry adds none twice.

    The stream keeps about `most` events; whatever reads it must keep up.
    """

    name = "redis"

    def __init__(self, address: RedisAddress, settings: RedisSinkSettings) -> None:
        self._client: Any = client.connect(address, _LIMITS)
        self._stream, self._most = settings.stream, settings.most

    async def take(self, segments: Sequence[Path]) -> None:
        try:
            for segment in segments:
                await self._add(await asyncio.to_thread(segment.read_bytes), self._note(segment))
        except (RedisError, OSError) as error:
            raise SinkDown(f"{type(error).__name__}: {error}") from None

    async def close(self) -> None:
        """Close the connections."""
        await client.close(self._client)

    async def _add(self, lines: bytes, note: str) -> None:
        added = int(await self._client.get(note) or 0)
        rows = lines.splitlines()
        while some := rows[added : added + _AT_ONCE]:
            added += len(some)
            transaction = self._client.pipeline(transaction=True)
            for line in some:
                transaction.xadd(self._stream, {"event": line}, maxlen=self._most, approximate=True)
            transaction.set(note, added, ex=_KEEP_S)
            await transaction.execute()

    def _note(self, segment: Path) -> str:
        """Return the key of a segment's note: on the same cluster node as the stream."""
        return f"{{{self._stream}}}:sent:{segment.stem}"
