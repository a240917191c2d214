"""What recent query strings ask for, so that a repeated one is neither parsed nor resolved again."""

from __future__ import annotations

from urllib.parse import parse_qsl

from cachetools import FIFOCache
from pydantic import ValidationError

from service.answers.asked import Asked, asked
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.api.fields import RecommendQuery
from service.live_bundle import Live

_KEPT_BYTES = 8_000_000  # per process: several thousand query strings
_LONGEST_KEPT = 512  # bytes; longer ones are rarely repeated
_OBJECTS = 1_000  # bytes of an entry's Python objects, without the text


class RecentQueries:
    """Reads query strings of GET /recommend, and keeps what the newest ones ask of the live bundle."""

    def __init__(self, live: Live, most_bytes: int = _KEPT_BYTES) -> None:
        self._live, self._most = live, most_bytes
        self._bundle, self._kept = live.bundle.name, self._empty()

    def read(self, query: bytes) -> Asked | None:
        """Return what a query string asks of the live bundle; None where only the route can answer."""
        if self._bundle != (name := self._live.bundle.name):
            self._bundle, self._kept = name, self._empty()
        try:
            return self._kept[query]
        except KeyError:
            return self._read(query)

    @property
    def kept_bytes(self) -> int:
        """An upper bound on the memory of what is kept."""
        return int(self._kept.currsize)

    def _read(self, query: bytes) -> Asked | None:
        try:
            request = _request(query)
            found = None if request is None else asked(request, self._live.bundle)
        except (ValidationError, ClientError):
            return None
        if found is not None and len(query) <= _LONGEST_KEPT:
            self._kept[query] = found
        return found

    def _empty(self) -> FIFOCache[bytes, Asked]:
        return FIFOCache(self._most, _entry_bytes)


def _request(query: bytes) -> Request | None:
    """Return the request as the route reads it: the last of repeated parameters wins. None where it wants an
    explanation. Raises ValidationError.
    """
    read = RecommendQuery.model_validate(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))
    return None if read.explain else read.request()


def _entry_bytes(found: Asked) -> int:
    return _OBJECTS + _LONGEST_KEPT + 4 * len(found.request.url1) + 4 * len(found.query.url)
