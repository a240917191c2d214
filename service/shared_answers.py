"""Answers that replicas keep for one another in Redis: what one has computed costs the others one read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from blake3 import blake3

from cascade.types import Query
from service.answer import Answer, read_answer
from service.settings import Settings
from store.redis_rows import RedisRows
from store.tables import key_prefix

_TABLE = "answers:1"  # the number changes with what an answer holds
_MOST_WRITES = 64  # under way; further answers are not written: a slow Redis shall not pile them up


class SharedAnswers:
    """Reads and writes whole answers; a Redis that does not answer in time is a miss, and never an error.

    An answer that is read is `cache.ttl_s` old at most, and then kept in the process for as long again. Gateways of the
    same settings share: a host that is blocked here may be welcome there.
    """

    def __init__(self, rows: RedisRows, settings: Settings, count: Callable[[str], None] = lambda result: None) -> None:
        self._rows, self._ttl_s, self._count = rows, settings.cache.ttl_s, count
        self._alike = orjson.dumps(settings.model_dump(), default=sorted, option=orjson.OPT_SORT_KEYS)  # sorts sets
        self._writing: set[asyncio.Task[None]] = set()

    async def get(self, bundle: str, query: Query, k: int) -> Answer | None:
        """Return the bundle's answer to the query where a replica has kept one."""
        (row,) = await self._rows.read([self._key(bundle, query, k)])
        answer = read_answer(row) if isinstance(row, bytes) else None
        if answer is None or (answer.bundle, answer.url1) != (bundle, query.url):
            return None
        self._count("shared")
        return answer

    def keep(self, query: Query, k: int, answer: Answer) -> None:
        """Write an answer that may be served again, in the background."""
        if answer.cacheable and len(self._writing) < _MOST_WRITES:
            write = self._rows.write(self._key(answer.bundle, query, k), answer.body, self._ttl_s)
            task = asyncio.create_task(write)
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait until nothing is being written."""
        await asyncio.gather(*self._writing)

    def _key(self, bundle: str, query: Query, k: int) -> bytes:
        words = (query.title, query.snippet, query.language)
        asked = ascii([query.url, *words, sorted(query.exclude), query.quality_weight, k]).encode()
        # A hash that nobody can make collide: callers choose the words.
        return key_prefix(bundle, _TABLE) + blake3(self._alike + asked).digest(16)
