"""The edge of the HTTP side as pure ASGI: request ids, body limit, counts, and the last net under errors."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.problems import CLOSE, INTERNAL, too_large, too_slow
from service.metrics import Metrics

log = logging.getLogger(__name__)

REQUEST_ID = "onward.request_id"
STARTED = "onward.started"
_HEADER = b"x-request-id"
_NO_STORE = (b"cache-control", b"no-store")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


def request_id(sent: str | None) -> str:
    """Return the caller's request id when it is safe to log and to send back, else a new one."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)


def _offered(scope: Scope) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), None)


class RequestMiddleware:
    """Gives every request an id and a clock, counts it, and turns what nobody caught into a 500 problem.

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
        if bare := scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server goes by its own
        scope[STARTED] = time.perf_counter()
        identity = scope[REQUEST_ID] = request_id(_offered(scope))
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append(_NO_STORE)  # problems, POST, health: each is for one caller at one time
                closing = [(b"connection", b"close")] if self._draining() else []  # or a balancer sends more of them
                message["headers"] = [*message["headers"], (_HEADER, identity.encode()), *closing]
            elif bare:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("request %s failed", identity)
            if status == 0:
                await INTERNAL.response(identity)(scope, receive, sending)
        finally:
            self._count(scope, status)

    def _count(self, scope: Scope, status: int) -> None:
        route = scope["path"] if scope["path"] in self._routes else "other"  # or strangers choose our labels
        self._metrics.requests.labels(self._protocol, route, str(status)).inc()
        self._metrics.latency.labels(self._protocol, route).observe(time.perf_counter() - scope[STARTED])


class BodyLimit:
    """Reads a body before the application does, so that one beyond `limit` bytes is refused with 413.

    It counts what arrives: a chunked body has no length to trust. One that takes longer than `receipt_s` gets 408.
    Bodies of methods that take none are not read: the little that a connection holds of one goes with its answer.
    """

    def __init__(self, app: ASGIApp, limit: int, receipt_s: float, metrics: Metrics) -> None:
        self._app, self._limit, self._receipt_s, self._metrics = app, limit, receipt_s, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._declares_too_much(scope):
            return await too_large(self._limit).response(scope[REQUEST_ID])(scope, receive, send)
        if scope["method"] not in _METHODS_WITH_BODY:
            return await self._app(scope, receive, send)
        try:
            async with asyncio.timeout(self._receipt_s):
                body = await self._read(receive)
        except TimeoutError:
            late = too_slow(self._receipt_s)
            self._metrics.refused.labels(late.kind).inc()
            return await late.response(scope[REQUEST_ID], CLOSE)(scope, receive, send)
        if body is None:
            return await too_large(self._limit).response(scope[REQUEST_ID])(scope, receive, send)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = Headers(scope=scope).get("content-length", "")
        return declared.isdecimal() and int(declared[:20]) > self._limit

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        more = True
        while more and len(body) <= self._limit:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)  # absent when the caller has gone: there is no more
        return None if len(body) > self._limit else bytes(body)
