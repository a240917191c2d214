"""Ranked lists that replicas share in Redis: what one has computed costs the others one read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from blake3 import blake3

from cascade.trace import Trace
from cascade.types import Query
from service.answers.ranked_list import RankedList, from_json, to_json
from service.settings import Settings
from store.redis.rows import RedisRows
from store.tables import key_prefix

_TABLE = "lists:3"  # the number changes with the format of a list
_MAX_WRITES = 64  # in flight; further lists are not written, so that they do not pile up while Redis is slow


class SharedCache:
    """Reads complete lists, and writes them after a computation; no reply from Redis in time is a miss, not an error.

    A list that is read is at most `cache.ttl_s` old, and is then cached in the process for as long again. Only gateways
    with the same settings share lists: they block the same hosts.
    """

    name = "shared_cache"

    def __init__(self, rows: RedisRows, settings: Settings, count: Callable[[str], None] = lambda result: None) -> None:
        self._rows, self._ttl_s, self._count = rows, settings.cache.ttl_s, count
        self._settings = orjson.dumps(settings.model_dump(), default=sorted, option=orjson.OPT_SORT_KEYS)  # sorts sets
        self._writing: set[asyncio.Task[None]] = set()

    async def get(self, bundle: str, query: Query) -> RankedList | None:
        """Return the bundle's ranked list for the query where a replica has written one."""
        if not self.enabled(query):
            return None
        (row,) = await self._rows.read([self._key(bundle, query)])
        ranked = from_json(row) if isinstance(row, bytes) else None
        if ranked is None or (ranked.bundle, ranked.url1) != (bundle, query.url):
            return None
        self._count("shared")
        return ranked

    def enabled(self, query: Query) -> bool:
        return not query.exclude

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        """Write a complete list, in the background."""
        if ranked.complete and len(self._writing) < _MAX_WRITES:
            write = self._rows.write(self._key(ranked.bundle, query), to_json(ranked), self._ttl_s)
            task = asyncio.create_task(write)
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait until nothing is being written."""
        await asyncio.gather(*self._writing)

    def _key(self, bundle: str, query: Query) -> bytes:
        asked = ascii([query.url, query.title, query.snippet, query.language, query.variant]).encode()
        # A cryptographic hash: callers choose the text, and must not be able to make two keys collide.
        return key_prefix(bundle, _TABLE) + blake3(self._settings + asked).digest(16)
