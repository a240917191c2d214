"""Queues pages that readers visited but no table contains, for the next refresh: without duplicates, bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import orjson
from redis import Redis

MOST = 100_000  # queued pages
FILE = "unknown.sqlite"  # in the directory of bundles
_REDIS_KEY = "onward:unknown"


class UnknownPage(NamedTuple):
    """An unknown page with the fields that a caller sent; the URL is canonical."""

    url: str
    title: str = ""
    snippet: str = ""
    language: str = ""

    @property
    def fields_sent(self) -> int:
        """The number of fields that were sent, of title, snippet and language."""
        return sum(bool(field.strip()) for field in self[1:])


class UnknownPages(Protocol):
    """A queue of unknown pages by PageId. Calls block: make them outside an event loop."""

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Queue new pages, and queued ones that now have more fields; return how many were dropped as it is full."""
        ...

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all queued pages."""
        ...

    def count(self) -> int:
        """Return how many pages are queued."""
        ...

    def remove(self, pages: Iterable[int]) -> None:
        """Remove pages from the queue."""
        ...


class SqliteUnknownPages:
    """A queue in an SQLite file, shared by the processes of one machine."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._path = path
        self._most = most

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Queue new pages, and queued ones that now have more fields; return how many were dropped as it is full.

        Raises sqlite3.Error.
        """
        with closing(self._open()) as file, file:
            file.execute("BEGIN IMMEDIATE")  # nobody else may write between our read and our write
            room = self._most - file.execute("SELECT count(*) FROM pages").fetchone()[0]
            found = (file.execute("SELECT page, words FROM pages WHERE page = ?", [_key(page)]) for page in pages)
            kept, dropped = _kept(pages, _read([row for one in found for row in one]), room)
            rows = [(_key(page), orjson.dumps(tuple(words))) for page, words in kept.items()]
            file.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?)", rows)
        return dropped

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all queued pages; none if there is no file."""
        if not self._path.is_file():
            return {}
        with closing(self._open()) as file:
            return _read(file.execute("SELECT page, words FROM pages").fetchall())

    def count(self) -> int:
        """Return how many pages are queued; 0 if there is no file."""
        if not self._path.is_file():
            return 0
        with closing(self._open()) as file:
            return int(file.execute("SELECT count(*) FROM pages").fetchone()[0])

    def remove(self, pages: Iterable[int]) -> None:
        """Remove pages from the queue."""
        with closing(self._open()) as file, file:
            file.executemany("DELETE FROM pages WHERE page = ?", [(_key(page),) for page in pages])

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, timeout=5.0)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE IF NOT EXISTS pages (page BLOB PRIMARY KEY, words BLOB) WITHOUT ROWID")
        except sqlite3.Error as error:
            file.close()
            raise sqlite3.DatabaseError(f"{self._path}: {error}: repair it or move it away") from error
        return file


class RedisUnknownPages:
    """A queue in a Redis hash, shared by all gateways."""

    def __init__(self, connect: Callable[[], Redis], most: int = MOST) -> None:
        self._connected = cache(connect)  # on first use: creating a cluster client already connects
        self._most = most

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Queue new pages, and queued ones that now have more fields; return how many were dropped as it is full.

        Other gateways may add pages meanwhile, so slightly more than `most` may be queued. Raises RedisError.
        """
        if not pages:
            return 0
        client = self._connected()
        room = self._most - client.hlen(_REDIS_KEY)
        keys = [_key(page) for page in pages]
        found = cast("list[bytes | None]", client.hmget(_REDIS_KEY, cast("list[str]", keys)))
        stored = [(key, row) for key, row in zip(keys, found, strict=True) if row is not None]
        kept, dropped = _kept(pages, _read(stored), room)
        if kept:
            rows = {_key(page): orjson.dumps(tuple(words)) for page, words in kept.items()}
            client.hset(_REDIS_KEY, mapping=cast("Any", rows))
        return dropped

    def waiting(self) -> dict[int, UnknownPage]:
        """Return all queued pages."""
        found = cast("dict[bytes, bytes]", self._connected().hgetall(_REDIS_KEY))
        return _read(list(found.items()))

    def count(self) -> int:
        """Return how many pages are queued."""
        return self._connected().hlen(_REDIS_KEY)

    def remove(self, pages: Iterable[int]) -> None:
        """Remove pages from the queue."""
        if keys := [cast("str", _key(page)) for page in pages]:
            self._connected().hdel(_REDIS_KEY, *keys)


def _key(page: int) -> bytes:
    return page.to_bytes(8, "big")


def _kept(
    pages: Mapping[int, UnknownPage], stored: Mapping[int, UnknownPage], room: int
) -> tuple[dict[int, UnknownPage], int]:
    """Return the pages to write (those with more fields than `stored`, then new ones) and how many were dropped."""
    better = {page: new for page, new in pages.items() if page in stored and new.fields_sent > stored[page].fields_sent}
    new = [(page, fields) for page, fields in pages.items() if page not in stored]
    room = max(0, room)
    return {**better, **dict(new[:room])}, len(new[room:])


def _read(rows: Sequence[tuple[bytes, bytes]]) -> dict[int, UnknownPage]:
    """Decode the valid rows; others are skipped, since other programs may write to the same place."""
    pages = {}
    for key, words in rows:
        try:
            page, fields = int.from_bytes(key, "big"), orjson.loads(words)
            if len(key) == 8 and isinstance(fields, list) and all(isinstance(part, str) for part in fields):
                pages[page] = UnknownPage(*fields)
        except (orjson.JSONDecodeError, TypeError):  # not JSON, or a list of the wrong length
            continue
    return pages
