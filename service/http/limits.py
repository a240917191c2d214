"""Limits that uvicorn lacks: the size and duration of incoming requests, and the number of connections.

Complete requests that are too large are refused by middleware: `HeaderLimit` here, `BodyLimit` in
`service/http/body_limit.py`. `LimitedHttp` closes slow connections, and those whose headers never end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.problems import Problem
from service.api.request_id import request_id
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.problems import CLOSE
from service.metrics import Metrics
from service.settings import ServerSettings

_BETWEEN, _HEAD, _BODY = range(3)  # the part of a request that is arriving


class LimitedHttp(HttpToolsProtocol):
    """One connection. A timer runs from its start, or a request's first byte, until the headers are complete."""

    limits: ServerSettings
    refused: Callable[[str], None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._part, self._requests, self._head = _BETWEEN, 0, 0
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(problems.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count the bytes of the head: the parser has no limit of its own."""
        if self.transport.is_closing():
            return
        if not self._responding():
            self._start_timer()
        part, requests = self._part, self._requests
        super().data_received(data)
        if self._part == _HEAD and part != _BODY and self._requests - requests <= 1:  # all data is of this head
            self._head += len(data)
            if self._head > self.limits.max_head_kb * 1024:
                self._refuse(problems.head_too_large(self.limits.max_head_kb))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._head = _HEAD, 0
        self._requests += 1

    def on_headers_complete(self) -> None:
        super().on_headers_complete()  # raises for targets that are not paths, such as that of CONNECT
        self._head_arrived()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._message_arrived()

    def send_400_response(self, msg: str) -> None:
        """Respond to what is not HTTP; uvicorn calls it."""
        self._refuse(problems.NOT_HTTP)

    def _head_arrived(self) -> None:
        self._part = _BODY
        self._stop_timer()

    def _message_arrived(self) -> None:
        self._part = _BETWEEN

    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_timer(self) -> None:
        if self._timer is None:
            late = problems.too_slow(self.limits.receipt_s)
            self._timer = self.loop.call_later(self.limits.receipt_s, self._refuse, late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, problem: Problem) -> None:
        """Send the problem, unless an earlier request still waits for its response, and close the connection."""
        if self.transport.is_closing():
            return
        self.refused(problem.kind)
        body_is_broken = self._part == _BODY and not self.cycle.response_started
        if body_is_broken or not self._responding():
            self.transport.write(problems.last_response(problem, request_id(None)))
        self.transport.close()


class HeaderLimit:
    """Refuses requests whose URL or headers are too long."""

    def __init__(self, app: ASGIApp, limits: ServerSettings, metrics: Metrics) -> None:
        self._app, self._url_kb, self._head_kb = app, limits.max_url_kb, limits.max_head_kb
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            return await self._app(scope, receive, send)
        self._metrics.refused.labels(problem.kind).inc()
        await problems.response(problem, scope[REQUEST_ID], CLOSE)(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._url_kb * 1024:
            return problems.url_too_long(self._url_kb)
        if size(scope["headers"]) > self._head_kb * 1024:
            return problems.head_too_large(self._head_kb)
        return None


def size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the bytes of headers as they were sent."""
    return sum([len(name) + len(value) + 4 for name, value in headers])


def limited(
    limits: ServerSettings, metrics: Metrics, kind: type[LimitedHttp] = LimitedHttp, **attributes: Any
) -> type[LimitedHttp]:
    """Return a protocol class with these limits, and attributes of its kind; uvicorn creates the instances."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # invalid requests are not worth a line

    def refused(kind: str) -> None:
        metrics.refused.labels(kind).inc()

    return type("Http", (kind,), {"limits": limits, "refused": staticmethod(refused), **attributes})
