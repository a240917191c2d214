"""How an HTTP request may arrive: uvicorn's protocol with the limits on size, time and number that it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service import problems
from service.edge import request_id
from service.metrics import Metrics
from service.problems import Problem
from service.settings import ServerSettings

_BETWEEN, _HEAD, _BODY = range(3)  # what is arriving


class LimitedHttp(HttpToolsProtocol):
    """One connection; what breaks a limit gets a problem, and the connection is closed.

    One clock runs from the first byte of a request (or from the connection) to its last one: who dribbles is cut.
    """

    limits: ServerSettings
    refused: Callable[[str], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._part = _BETWEEN
        self._head = self._raw = self._begun = 0
        self._problem: Problem | None = None
        self._gone = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_clock()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(problems.CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count a head that does not end: the parser would keep it for ever."""
        if self._gone:
            return
        self._unset_keepalive_if_required()
        if not self._answering():
            self._start_clock()
        message, part = self._begun, self._part
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # nothing to upgrade to: it is answered as plain HTTP
        except httptools.HttpParserError:
            self._refuse(self._problem or problems.UNREADABLE)
        if self._part == _HEAD and part != _BODY and self._begun - message <= 1:  # all the data belongs to this head
            self._raw += len(data)
            if self._raw > self.limits.max_head_kb * 1024:
                self._refuse(problems.head_too_large(self.limits.max_head_kb))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part = _HEAD
        self._begun += 1
        self._head = self._raw = 0
        self._start_clock()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.max_url_kb * 1024:
            self._break(problems.url_too_long(self.limits.max_url_kb))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head += len(name) + len(value) + 4
        if self._head > self.limits.max_head_kb * 1024:
            self._break(problems.head_too_large(self.limits.max_head_kb))

    def on_headers_complete(self) -> None:
        self._part = _BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._part = _BETWEEN
        self._stop_clock()
        super().on_message_complete()

    def _break(self, problem: Problem) -> None:
        """Stop the parser: an error in a callback is the only way."""
        self._problem = problem
        raise ValueError(problem.title)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_clock(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_later(self.limits.receipt_s, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._refuse(problems.too_slow(self.limits.receipt_s))

    def _refuse(self, problem: Problem) -> None:
        """Send the problem where nothing else is being sent, and close."""
        if self._gone or self.transport.is_closing():
            return
        self._gone = True
        self._stop_clock()
        self.refused(problem.kind)
        waits_for_body = self._part == _BODY and not self.cycle.response_started
        if waits_for_body:
            self.cycle.disconnected = True  # the application's own answer would come second
            self.cycle.message_event.set()
        if waits_for_body or (self._part != _BODY and not self._answering()):
            self.transport.write(_plain(problem))
        self.transport.close()


def _plain(problem: Problem) -> bytes:
    body = problem.json(identity := request_id(None))
    head = (
        f"content-type: {problems.MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nx-request-id: {identity}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[problem.status] + head.encode() + body


def limited(limits: ServerSettings, metrics: Metrics) -> type[LimitedHttp]:
    """Return the protocol with these limits; uvicorn makes the instances."""

    def refused(kind: str) -> None:
        metrics.refused.labels(kind).inc()

    return type("Http", (LimitedHttp,), {"limits": limits, "refused": staticmethod(refused)})
