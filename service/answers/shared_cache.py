"""Ranked lists that replicas keep for one another in Redis: what one has computed costs the others one read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from blake3 import blake3

from cascade.types import Query
from service.answers.ranked_list import RankedList, from_json, to_json
from service.settings import Settings
from store.redis_rows import RedisRows
from store.tables import key_prefix

_TABLE = "lists:2"  # the number changes with what a list holds
_MOST_WRITES = 64  # under way; further answers are not written: a slow Redis shall not pile them up


class SharedCache:
    """Reads and writes whole lists; a Redis that does not answer in time is a miss, and never an error.

    A list that is read is `cache.ttl_s` old at most, and then kept in the process for as long again. Gateways of the
    same settings share: a host that is blocked here may be welcome there.
    """

    def __init__(self, rows: RedisRows, settings: Settings, count: Callable[[str], None] = lambda result: None) -> None:
        self._rows, self._ttl_s, self._count = rows, settings.cache.ttl_s, count
        self._alike = orjson.dumps(settings.model_dump(), default=sorted, option=orjson.OPT_SORT_KEYS)  # sorts sets
        self._writing: set[asyncio.Task[None]] = set()

    async def get(self, bundle: str, query: Query) -> RankedList | None:
        """Return the bundle's ranked list for the query where a replica has kept one."""
        (row,) = await self._rows.read([self._key(bundle, query)])
        ranked = from_json(row) if isinstance(row, bytes) else None
        if ranked is None or (ranked.bundle, ranked.url1) != (bundle, query.url):
            return None
        self._count("shared")
        return ranked

    def keep(self, query: Query, ranked: RankedList) -> None:
        """Write a list that may be served again, in the background."""
        if ranked.whole and len(self._writing) < _MOST_WRITES:
            write = self._rows.write(self._key(ranked.bundle, query), to_json(ranked), self._ttl_s)
            task = asyncio.create_task(write)
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait until nothing is being written."""
        await asyncio.gather(*self._writing)

    def _key(self, bundle: str, query: Query) -> bytes:
        asked = ascii([query.url, query.title, query.snippet, query.language]).encode()
        # A hash that nobody can make collide: callers choose the words.
        return key_prefix(bundle, _TABLE) + blake3(self._alike + asked).digest(16)
