"""Cancels the work for a caller that has disconnected."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CancelOnDisconnect:
    """Runs the application as a task and cancels it when the connection closes before the answer is sent.

    A computation that other callers wait for continues: see `service/answers/cache.py`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        messages: asyncio.Queue[Message] = asyncio.Queue()
        work = asyncio.ensure_future(self._app(scope, messages.get, send))
        listening = asyncio.ensure_future(_until_disconnect(receive, messages))
        try:
            await asyncio.wait({work, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            disconnected = not work.done()
            if disconnected:
                work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            if not disconnected:
                raise


async def _until_disconnect(receive: Receive, messages: asyncio.Queue[Message]) -> None:
    """Pass messages on until the caller disconnects; the size of the body has been checked before."""
    while True:
        message = await receive()
        messages.put_nowait(message)
        if message["type"] == "http.disconnect":
            return
