"""ASGI middleware: request IDs, metrics and unhandled errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import INTERNAL
from service.api.request_id import HEADER, request_id
from service.http import problems
from service.http.caching import NO_STORE
from service.metrics import Metrics

log = logging.getLogger(__name__)

REQUEST_ID = "onward.request_id"
STARTED = "onward.started"
_HEADER = HEADER.encode()
_CLOSE = (b"connection", b"close")


def sent_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the request ID among a request's headers."""
    for name, value in headers:
        if name == _HEADER:
            return str(value, "latin-1")
    return None


class RequestCounts:
    """Counts requests, and the time that they take, by route and status."""

    def __init__(self, metrics: Metrics, protocol: str = "http") -> None:
        self._protocol = protocol
        self._requests, self._latency = cache(metrics.requests.labels), cache(metrics.latency.labels)

    def add(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests(self._protocol, route, status).inc()
        self._latency(self._protocol, route).observe(seconds)

    def of(self, route: str, status: int) -> Callable[[float], None]:
        """Return `add` of one route and status: a third of its time goes into finding these."""
        add, observe = self._requests(self._protocol, route, status).inc, self._latency(self._protocol, route).observe

        def count(seconds: float) -> None:
            add()
            observe(seconds)

        return count


class RequestMiddleware:
    """Gives every request an ID and a start time, counts it, and turns unhandled exceptions into a 500 problem.

    HEAD is GET without the body, on every path.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        routes: Iterable[str],
        draining: Callable[[], bool],
        protocol: str = "http",
    ) -> None:
        self._app, self._routes, self._draining = app, frozenset(routes), draining
        self._counts = RequestCounts(metrics, protocol)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if head := scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server still needs its own
        scope[STARTED] = time.perf_counter()
        identity = scope[REQUEST_ID] = request_id(sent_id(scope["headers"]))
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORE)  # problems, POST, health
                headers.append((_HEADER, identity.encode()))
                if self._draining():
                    headers.append(_CLOSE)  # or balancers reuse it
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("request %s failed", identity)
            if status == 0:
                await problems.response(INTERNAL, identity)(scope, receive, sending)
        finally:
            self._count(scope, status)

    def _count(self, scope: Scope, status: int) -> None:
        route = scope["path"] if scope["path"] in self._routes else "other"  # callers choose paths
        self._counts.add(route, status, time.perf_counter() - scope[STARTED])
