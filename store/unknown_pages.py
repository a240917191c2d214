"""Pages that readers were on and no table knows, waiting for the next refresh: each once, and no more than so many."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import orjson
from redis import Redis

MOST = 100_000  # pages that wait
FILE = "unknown.sqlite"  # beside the bundles
_REDIS_KEY = "onward:unknown"


class UnknownPage(NamedTuple):
    """What a caller told of a page; the URL is canonical."""

    url: str
    title: str = ""
    snippet: str = ""
    language: str = ""


class UnknownPages(Protocol):
    """A place where unknown pages wait, by PageId. Calls block: make them outside an event loop."""

    def add(self, pages: Mapping[int, UnknownPage]) -> None:
        """Keep pages that do not wait yet, as long as there is room."""
        ...

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all that wait."""
        ...

    def remove(self, pages: Iterable[int]) -> None:
        """Let pages go."""
        ...


class SqliteUnknownPages:
    """A file that several processes of one machine may write."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._path = path
        self._most = most

    def add(self, pages: Mapping[int, UnknownPage]) -> None:
        """Keep pages that do not wait yet, as long as there is room. Raises sqlite3.Error."""
        rows = [(_key(page), orjson.dumps(tuple(words)), self._most) for page, words in pages.items()]
        with closing(self._open()) as file, file:
            file.executemany("INSERT OR IGNORE INTO pages SELECT ?, ? WHERE (SELECT count(*) FROM pages) < ?", rows)

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all that wait; none where no file is."""
        if not self._path.is_file():
            return {}
        with closing(self._open()) as file:
            return _read(file.execute("SELECT page, words FROM pages").fetchall())

    def remove(self, pages: Iterable[int]) -> None:
        """Let pages go."""
        with closing(self._open()) as file, file:
            file.executemany("DELETE FROM pages WHERE page = ?", [(_key(page),) for page in pages])

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, timeout=5.0)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE IF NOT EXISTS pages (page BLOB PRIMARY KEY, words BLOB) WITHOUT ROWID")
        return file


class RedisUnknownPages:
    """A hash in Redis that all gateways write."""

    def __init__(self, connect: Callable[[], Redis], most: int = MOST) -> None:
        self._connected = cache(connect)  # at the first use: a cluster's client needs the cluster to be made
        self._most = most

    def add(self, pages: Mapping[int, UnknownPage]) -> None:
        """Keep pages that do not wait yet, as long as there is room. Raises RedisError."""
        client = self._connected()
        room = self._most - client.hlen(_REDIS_KEY)
        pipeline = client.pipeline(transaction=False)
        for page, words in list(pages.items())[: max(0, room)]:
            pipeline.hsetnx(_REDIS_KEY, cast("str", _key(page)), cast("str", orjson.dumps(tuple(words))))
        pipeline.execute()

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all that wait."""
        found = cast("dict[bytes, bytes]", self._connected().hgetall(_REDIS_KEY))
        return _read(list(found.items()))

    def remove(self, pages: Iterable[int]) -> None:
        """Let pages go."""
        if keys := [cast("str", _key(page)) for page in pages]:
            self._connected().hdel(_REDIS_KEY, *keys)


def _key(page: int) -> bytes:
    return page.to_bytes(8, "big")


def _read(rows: Sequence[tuple[bytes, bytes]]) -> dict[int, UnknownPage]:
    return {int.from_bytes(key, "big"): UnknownPage(*orjson.loads(words)) for key, words in rows}
