"""The operator's rules in Redis: one hash with a document, pages taken down, and a revision that writes raise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

from redis import Redis

#: One key, so that a cluster keeps all of it on one node, and a read sees all of it or nothing.
KEY = "onward:rules"

_REVISION, _DOCUMENT, _TAKEN_DOWN = b"revision", b"document", b"takedown:"


class Stored(NamedTuple):
    """What Redis holds: the document, and for every URL taken down who did it and why, as JSON."""

    revision: int
    document: bytes
    taken_down: dict[str, bytes]


class StoredRules:
    """Reads and writes the hash. Calls block, and raise RedisError: make them outside an event loop."""

    def __init__(self, connect: Callable[[], Redis]) -> None:
        self._client = cache(connect)  # on first use: creating a cluster client already connects

    def revision(self) -> int | None:
        """Return the number of the last write; None where nothing was ever written."""
        found = cast("bytes | None", self._client().hget(KEY, cast("str", _REVISION)))
        return None if found is None else int(found)

    def read(self) -> Stored | None:
        """Return everything; None where nothing was ever written."""
        fields = cast("dict[bytes, bytes]", self._client().hgetall(KEY))
        if _REVISION not in fields:
            return None
        down = {
            field.removeprefix(_TAKEN_DOWN).decode(errors="replace"): about
            for field, about in fields.items()
            if field.startswith(_TAKEN_DOWN)
        }
        return Stored(int(fields[_REVISION]), fields.get(_DOCUMENT, b""), down)

    def replace_document(self, document: str) -> int:
        """Replace the document, not the pages taken down; return the new revision."""
        return self._write({_DOCUMENT: document.encode()})

    def take_down(self, url: str, about: bytes) -> int:
        """Add a page to those taken down; return the new revision."""
        return self._write({_TAKEN_DOWN + url.encode(): about})

    def lift(self, url: str) -> bool:
        """Remove a page from those taken down; return whether it was one."""
        removed = bool(self._client().hdel(KEY, cast("str", _TAKEN_DOWN + url.encode())))
        self._client().hincrby(KEY, cast("str", _REVISION), 1)
        return removed

    def _write(self, fields: dict[bytes, bytes]) -> int:
        """Write first and raise the revision after: a reader that sees the new revision sees the fields."""
        client = self._client()
        client.hset(KEY, mapping=cast("Any", fields))
        return client.hincrby(KEY, cast("str", _REVISION), 1)
