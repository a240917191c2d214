"""Ends the work for a caller that went away: nobody would read the answer."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CancelOnDisconnect:
    """Runs the application as a task and cancels it when the connection closes before the answer is sent.

    An answer that others wait for, too, is computed all the same: see `service/answers/cache.py`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        messages: asyncio.Queue[Message] = asyncio.Queue()
        work = asyncio.ensure_future(self._app(scope, messages.get, send))
        listening = asyncio.ensure_future(_until_gone(receive, messages))
        try:
            await asyncio.wait({work, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            gone = not work.done()
            if gone:
                work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            if not gone:
                raise


async def _until_gone(receive: Receive, messages: asyncio.Queue[Message]) -> None:
    """Hand on what arrives until the caller is gone; the body is within its limit already."""
    while True:
        message = await receive()
        messages.put_nowait(message)
        if message["type"] == "http.disconnect":
            return
