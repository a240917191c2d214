"""Refuses a request body that is too large or arrives too slowly, before the application reads it."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http import problems
from service.http.middleware import REQUEST_ID
from service.metrics import Metrics

_METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


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
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"").decode("latin-1")
        return declared.isdecimal() and int(declared[:20]) > self._limit

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        more = True
        while more and len(body) <= self._limit:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)  # absent when the caller has disconnected
        return None if len(body) > self._limit else bytes(body)
