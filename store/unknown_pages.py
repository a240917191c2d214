"""Pages that readers were on and no table knows, waiting for the next refresh: each once, and no more than so many."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

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

    @property
    def told(self) -> int:
        """How much of the page was told: how many of title, snippet and language."""
        return sum(bool(words.strip()) for words in self[1:])


class UnknownPages(Protocol):
    """A place where unknown pages wait, by PageId. Calls block: make them outside an event loop."""

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Keep pages that do not wait yet, or of which more is told now; return how many found no room."""
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

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Keep pages that do not wait yet, or of which more is told now; return how many found no room.

        Raises sqlite3.Error.
        """
        with closing(self._open()) as file, file:
            file.execute("BEGIN IMMEDIATE")  # what is read here is what is there when it is written
            room = self._most - file.execute("SELECT count(*) FROM pages").fetchone()[0]
            found = (file.execute("SELECT page, words FROM pages WHERE page = ?", [_key(page)]) for page in pages)
            kept, dropped = _kept(pages, _read([row for one in found for row in one]), room)
            rows = [(_key(page), orjson.dumps(tuple(words))) for page, words in kept.items()]
            file.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?)", rows)
        return dropped

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
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE IF NOT EXISTS pages (page BLOB PRIMARY KEY, words BLOB) WITHOUT ROWID")
        except sqlite3.Error as error:
            file.close()
            raise sqlite3.DatabaseError(f"{self._path}: {error}: mend it or move it away") from error
        return file


class RedisUnknownPages:
    """A hash in Redis that all gateways write."""

    def __init__(self, connect: Callable[[], Redis], most: int = MOST) -> None:
        self._connected = cache(connect)  # at the first use: a cluster's client needs the cluster to be made
        self._most = most

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        """Keep pages that do not wait yet, or of which more is told now; return how many found no room.

        Other gateways add meanwhile: a few more than `most` may wait. Raises RedisError.
        """
        if not pages:
            return 0
        client = self._connected()
        room = self._most - client.hlen(_REDIS_KEY)
        keys = [_key(page) for page in pages]
        found = cast("list[bytes | None]", client.hmget(_REDIS_KEY, cast("list[str]", keys)))
        there = [(key, row) for key, row in zip(keys, found, strict=True) if row is not None]
        kept, dropped = _kept(pages, _read(there), room)
        if kept:
            rows = {_key(page): orjson.dumps(tuple(words)) for page, words in kept.items()}
            client.hset(_REDIS_KEY, mapping=cast("Any", rows))
        return dropped

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


def _kept(
    pages: Mapping[int, UnknownPage], there: Mapping[int, UnknownPage], room: int
) -> tuple[dict[int, UnknownPage], int]:
    """Return the pages to write, and how many found no room: those that tell more than `there`, then new ones."""
    better = {page: words for page, words in pages.items() if page in there and words.told > there[page].told}
    new = [(page, words) for page, words in pages.items() if page not in there]
    room = max(0, room)
    return {**better, **dict(new[:room])}, len(new[room:])


def _read(rows: Sequence[tuple[bytes, bytes]]) -> dict[int, UnknownPage]:
    """Return the rows that are some; others may write in the same place."""
    pages = {}
    for key, words in rows:
        try:
            page, told = int.from_bytes(key, "big"), orjson.loads(words)
            if len(key) == 8 and isinstance(told, list) and all(isinstance(part, str) for part in told):
                pages[page] = UnknownPage(*told)
        except (orjson.JSONDecodeError, TypeError):  # no JSON, or a list of another length
            continue
    return pages
