"""Answers from the cache where a request was parsed: a task and an ASGI call would take longer than the answer.

Only plain requests take this way; all others, and those without a cached answer, go through the application, which
gives the same response.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from service.api.request_id import request_id
from service.gateway import Gateway
from service.http.caching import HttpCaching
from service.http.cors import Cors
from service.http.limits import LimitedHttp, size
from service.http.middleware import RequestCounts, sent_id
from service.http.recent_queries import RecentQueries

log = logging.getLogger(__name__)

Pairs = list[tuple[bytes, bytes]]

_PATH, _ROUTE = b"/recommend?", "/recommend"
_AT_ONCE = 32  # answers per read of a connection; pipelined requests beyond it must not hold up other connections
_LONGEST = 1024  # bytes of the URL, and of the headers: every gateway takes as many
_RESPONSE = b"HTTP/1.1 200 OK\r\n%b%bcontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n%b"
#: Headers that only the application reads.
_READ_THERE = frozenset((b"if-none-match", b"expect", b"content-length", b"transfer-encoding", b"upgrade"))


class DirectAnswers:
    """Makes the responses to plain requests whose answers are cached."""

    def __init__(self, gateway: Gateway, queries: RecentQueries) -> None:
        self._gateway, self._recommender, self._queries = gateway, gateway.recommender, queries
        self._caching, self._cors = HttpCaching(gateway.settings, keys=False), Cors(gateway.settings.cors.origins)
        self._count = RequestCounts(gateway.metrics).of(_ROUTE, 200)
        self._server, self._server_lines = Pairs(), b""

    def response(self, url: bytes, headers: Pairs, server: Pairs) -> bytes | None:
        """Return the response to a GET, with the server's own headers; None where the application has to answer."""
        started = time.perf_counter()
        if self._gateway.draining or not url.startswith(_PATH) or len(url) > _LONGEST or b"#" in url:
            return None
        if not _READ_THERE.isdisjoint([name for name, _ in headers]) or size(headers) > _LONGEST:
            return None
        asked = self._queries.read(url[len(_PATH) :])
        if asked is None or (answer := self._recommender.kept_answer(asked)) is None:
            return None
        identity = request_id(sent_id(headers))
        if self._server is not server:  # uvicorn makes another list every second
            self._server, self._server_lines = server, _lines(server)
        own = _lines([*self._caching.headers(answer, asked.request.unit), *self._cors.headers(headers)])
        took = time.perf_counter() - started
        body = answer.json(identity, took * 1e3)
        self._count(took)
        return _RESPONSE % (self._server_lines, own, len(body), identity.encode(), body)


def _lines(headers: Pairs) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


class DirectHttp(LimitedHttp):
    """A connection that answers from the cache itself, while no earlier request waits for its response."""

    answers: DirectAnswers

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._answered = False  # whether the request that is arriving has its response
        self._at_once = 0

    def data_received(self, data: bytes) -> None:
        self._at_once = 0
        super().data_received(data)

    def on_headers_complete(self) -> None:
        if self._at_once < _AT_ONCE and self._is_plain() and (response := self._response()) is not None:
            self._answered = True
            self._at_once += 1
            self._head_arrived()
            self.transport.write(response)
            self.on_response_complete()
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._answered:
            self._answered = False
            self._message_arrived()
        else:
            super().on_message_complete()

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            not self._responding()
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and parser.get_method() == b"GET"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _response(self) -> bytes | None:
        try:
            return self.answers.response(self.url, self.headers, self.server_state.default_headers)
        except Exception:
            log.exception("a cached answer could not be sent directly")
            return None  # the application answers
