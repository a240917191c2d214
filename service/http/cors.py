"""CORS: which other sites' pages may read what this gateway answers. Nothing is allowed with credentials."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corpus.urls.origin import ANY
from service.api.problems import Problem
from service.http import problems
from service.http.middleware import REQUEST_ID

Pairs = list[tuple[bytes, bytes]]

_PATHS = frozenset({"/recommend", "/recommend/batch", "/events", "/fragment"})
_PREFLIGHT: Pairs = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, if-none-match, x-api-key, x-request-id"),
    (b"access-control-max-age", b"7200"),  # browsers keep it no longer
]
_EXPOSED = (b"access-control-expose-headers", b"etag, retry-after, x-request-id")
_OTHER_ORIGIN = Problem(
    403, "other-origin", "Forbidden", "The gateway's setting cors.origins does not list this origin."
)


class Cors:
    """The headers that let pages of some origins read a response. Without origins there are none."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(each.encode() for each in origins)
        self._all = ANY.encode() in self._origins

    def headers(self, sent: Iterable[tuple[bytes, bytes]]) -> Pairs:
        """Return the headers of the response to a request with these headers.

        `Vary` is there for every origin, and without one: caches must not give one origin's response to another.
        """
        if not self._origins:
            return []
        if self._all:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        origin = _header(sent, b"origin")
        if origin not in self._origins:
            return [(b"vary", b"Origin")]
        return [(b"access-control-allow-origin", origin), (b"vary", b"Origin"), _EXPOSED]


class CorsMiddleware:
    """Answers preflight requests, which carry no key, and adds the headers of CORS to every response of the API."""

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app, self._cors = app, cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in _PATHS:
            return await self._app(scope, receive, send)
        added = self._cors.headers(scope["headers"])
        if scope["method"] == "OPTIONS" and _header(scope["headers"], b"access-control-request-method"):
            return await self._preflight(added, scope, receive, send)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, sending)

    async def _preflight(self, added: Pairs, scope: Scope, receive: Receive, send: Send) -> None:
        if not any(name == b"access-control-allow-origin" for name, _ in added):
            return await problems.response(_OTHER_ORIGIN, scope[REQUEST_ID])(scope, receive, send)
        await send({"type": "http.response.start", "status": 204, "headers": [*added, *_PREFLIGHT]})
        await send({"type": "http.response.body", "body": b""})


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    """Return the value of a header; empty without one."""
    return next((value for name, value in headers if name == wanted), b"")
