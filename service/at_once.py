"""Answers a plain GET /recommend before FastAPI sees it where nothing is to be computed: FastAPI alone takes longer.

That is an answer that is kept, and the refusal of one that could not be computed in time: a flood must cost little.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.answer import MAX_K, Answer, Ask
from service.edge import REQUEST_ID, STARTED
from service.http_caching import HttpCaching
from service.recommender import Recommender
from service.refusal import Overloaded

_JSON = (b"content-type", b"application/json")
_PLAIN = ({"url1"}, {"url1", "k"})


class AtOnce:
    """Serves what is kept and fresh, and refuses what the gate would; all else, errors too, is left to the routes."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching) -> None:
        self._app, self._recommender, self._caching = app, recommender, caching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/recommend" and scope["method"] == "GET":
            ask = None if _asks_for_changes(scope) else plain_ask(scope["query_string"])
            try:
                answer = None if ask is None else self._recommender.at_once(ask)
            except Overloaded as refusal:
                response = problems.of_error(refusal).response(scope[REQUEST_ID], refusal.headers)
                return await response(scope, receive, send)
            if answer is not None:
                return await self._answer(scope, answer, send)
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, answer: Answer, send: Send) -> None:
        body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
        caching = self._caching.headers(answer).items()
        headers = [(name.lower().encode(), value.encode()) for name, value in caching]
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


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
