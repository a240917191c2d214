"""ASGI middleware: request IDs, metrics, unhandled errors and the limit on bodies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import INTERNAL
from service.api.request_id import HEADER, request_id
from service.http import problems
from service.metrics import Metrics

log = logging.getLogger(__name__)

REQUEST_ID = "onward.request_id"
STARTED = "onward.started"
_HEADER = HEADER.encode()
_NO_STORE = (b"cache-control", b"no-store")
_METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


def _sent_id(scope: Scope) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), None)


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
        self._app, self._metrics, self._routes, self._protocol = app, metrics, frozenset(routes), protocol
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if head := scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server still needs its own
        scope[STARTED] = time.perf_counter()
        identity = scope[REQUEST_ID] = request_id(_sent_id(scope))
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append(_NO_STORE)  # problems, POST, health: valid once, for one caller
                closing = [(b"connection", b"close")] if self._draining() else []  # or balancers reuse it
                message["headers"] = [*message["headers"], (_HEADER, identity.encode()), *closing]
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
        self._metrics.requests.labels(self._protocol, route, str(status)).inc()
        self._metrics.latency.labels(self._protocol, route).observe(time.perf_counter() - scope[STARTED])


class BodyLimit:
    """Reads a body before the application does: one beyond `limit` bytes gets 413, one slower than `receipt_s` 408.

    It counts the bytes that arrive, since chunked bodies declare no length. Methods without a body are passed on.
    """

    def __init__(self, app: ASGIApp, limit: int, receipt_s: float, metrics: Metrics) -> None:
        self._app, self._limit, self._receipt_s, self._metrics = app, limit, receipt_s, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._declares_too_much(scope):
            return await self._refuse_size(scope, receive, send)
        if scope["method"] not in _METHODS_WITH_BODY:
            return await self._app(scope, receive, send)
        try:
            async with asyncio.timeout(self._receipt_s):
                body = await self._read(receive)
        except TimeoutError:
            late = problems.too_slow(self._receipt_s)
            self._metrics.refused.labels(late.kind).inc()
            return await problems.response(late, scope[REQUEST_ID], problems.CLOSE)(scope, receive, send)
        if body is None:
            return await self._refuse_size(scope, receive, send)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)

    async def _refuse_size(self, scope: Scope, receive: Receive, send: Send) -> None:
        await problems.response(problems.too_large(self._limit), scope[REQUEST_ID])(scope, receive, send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = Headers(scope=scope).get("content-length", "")
        return declared.isdecimal() and int(declared[:20]) > self._limit

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        more = True
        while more and len(body) <= self._limit:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)  # absent when the caller has disconnected
        return None if len(body) > self._limit else bytes(body)
