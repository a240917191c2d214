"""How an HTTP request may arrive: the limits on size, time and number that uvicorn lacks.

The application refuses what has arrived and is too large: `HeaderLimit` here, `BodyLimit` in
`service/http/middleware.py`. The protocol closes connections on which too little arrives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http import problems
from service.http.middleware import REQUEST_ID, request_id
from service.http.problems import CLOSE, Problem
from service.metrics import Metrics
from service.settings import ServerSettings

_BETWEEN, _HEAD, _BODY = range(3)  # what is arriving


class LimitedHttp(HttpToolsProtocol):
    """One connection. A clock runs from its start, or a request's first byte, until the application has the head."""

    limits: ServerSettings
    refused: Callable[[str], None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._part, self._begun, self._head = _BETWEEN, 0, 0
        self._clock: asyncio.TimerHandle | None = None
        self._start_clock()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(problems.CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count a head that does not end: the parser would keep it for ever."""
        if self.transport.is_closing():
            return
        if not self._owes_an_answer():
            self._start_clock()
        part, begun = self._part, self._begun
        super().data_received(data)
        if self._part == _HEAD and part != _BODY and self._begun - begun <= 1:  # all the data belongs to this head
            self._head += len(data)
            if self._head > self.limits.max_head_kb * 1024:
                self._refuse(problems.head_too_large(self.limits.max_head_kb))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._head = _HEAD, 0
        self._begun += 1

    def on_headers_complete(self) -> None:
        super().on_headers_complete()  # it raises for what names nothing here, as CONNECT does
        self._part = _BODY
        self._stop_clock()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part = _BETWEEN

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; uvicorn calls it."""
        self._refuse(problems.UNREADABLE)

    def _owes_an_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_clock(self) -> None:
        if self._clock is None:
            late = problems.too_slow(self.limits.receipt_s)
            self._clock = self.loop.call_later(self.limits.receipt_s, self._refuse, late)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, problem: Problem) -> None:
        """Send the problem, unless another answer has to come before it, and close."""
        if self.transport.is_closing():
            return
        self.refused(problem.kind)
        body_is_broken = self._part == _BODY and not self.cycle.response_started
        if body_is_broken or not self._owes_an_answer():
            self.transport.write(problem.whole(request_id(None)))
        self.transport.close()


class HeaderLimit:
    """Refuses a URL or headers that are too long, now that they are here."""

    def __init__(self, app: ASGIApp, limits: ServerSettings, metrics: Metrics) -> None:
        self._app, self._url_kb, self._head_kb = app, limits.max_url_kb, limits.max_head_kb
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            return await self._app(scope, receive, send)
        self._metrics.refused.labels(problem.kind).inc()
        await problem.response(scope[REQUEST_ID], CLOSE)(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._url_kb * 1024:
            return problems.url_too_long(self._url_kb)
        if sum([len(name) + len(value) + 4 for name, value in scope["headers"]]) > self._head_kb * 1024:
            return problems.head_too_large(self._head_kb)
        return None


def limited(limits: ServerSettings, metrics: Metrics) -> type[LimitedHttp]:
    """Return the protocol with these limits; uvicorn makes the instances."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # strangers' bad requests are no news

    def refused(kind: str) -> None:
        metrics.refused.labels(kind).inc()

    settings: dict[str, Any] = {"limits": limits, "refused": staticmethod(refused)}
    return type("Http", (LimitedHttp,), settings)
