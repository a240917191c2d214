"""Answers a plain GET /recommend from the cache before FastAPI sees it: FastAPI alone takes longer than all of this."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from service.answer import MAX_K, Ask
from service.edge import REQUEST_ID, STARTED
from service.http_caching import HttpCaching
from service.recommender import Recommender

_JSON = (b"content-type", b"application/json")
_PLAIN = ({"url1"}, {"url1", "k"})


class KeptAnswers:
    """Serves what is kept and fresh; all else, errors too, is left to the routes."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching) -> None:
        self._app, self._recommender, self._caching = app, recommender, caching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/recommend" and scope["method"] == "GET":
            ask = None if _asks_for_changes(scope) else plain_ask(scope["query_string"])
            if ask is not None and (answer := self._recommender.kept(ask)) is not None:
                body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
                caching = self._caching.headers(answer).items()
                headers = [(name.lower().encode(), value.encode()) for name, value in caching]
                headers += [_JSON, (b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                return await send({"type": "http.response.body", "body": body})
        await self._app(scope, receive, send)


def plain_ask(query_string: bytes) -> Ask | None:
    """Return what a query of `url1` and perhaps `k` asks, None for any other and for one that is not well formed."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return None
    values = dict(pairs)
    if values.keys() not in _PLAIN or len(values) != len(pairs):
        return None
    if "k" not in values:
        return Ask(values["url1"])
    k = values["k"]
    return Ask(values["url1"], int(k)) if k.isascii() and k.isdigit() and len(k) < 3 and 1 <= int(k) <= MAX_K else None


def _asks_for_changes(scope: Scope) -> bool:
    return any(name == b"if-none-match" for name, _ in scope["headers"])
