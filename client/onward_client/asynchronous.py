"""The client for asyncio; the one for threads runs it on a thread."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar, Unpack

from onward_client.connect import connect
from onward_client.errors import OnwardError
from onward_client.models import Answer, Event, EventResult
from onward_client.options import CallOptions, Options, RecommendOptions, Request
from onward_client.retry import Retry, hedged
from onward_client.transport import Call, Transport, closed, too_late

T = TypeVar("T")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
Attempt = Callable[[Transport, Call], Awaitable[T]]


class AsyncOnward:
    """Asks one gateway, or answers from bundles in process; for one event loop.

    `url` is `http://`, `https://`, `grpc://` or `grpcs://`. Raises ValueError for options that do not fit.
    """

    def __init__(self, url: str | None = None, **options: Unpack[Options]) -> None:
        self._connect = connect(url, options)
        self._timeout = _positive("timeout", options.get("timeout", 2.0))
        self._retry = options.get("retry", Retry())
        hedge_after = options.get("hedge_after")
        self._hedge_after = None if hedge_after is None else _positive("hedge_after", hedge_after)
        self._opening: asyncio.Task[Transport] | None = None

    async def recommend(self, url1: str, **options: Unpack[RecommendOptions]) -> Answer:
        """Return at most k pages worth reading after `url1`. Raises OnwardError."""
        call, fields = _split(options)
        return await self._call(lambda to, call: to.recommend({"url1": url1, **fields}, call), call, hedge=True)

    async def explain(self, url1: str, **options: Unpack[RecommendOptions]) -> Answer:
        """Return the same, computed anew, with what happened at every stage. Raises OnwardError."""
        call, fields = _split(options)
        return await self._call(lambda to, call: to.recommend({"url1": url1, "explain": True, **fields}, call), call)

    async def batch(self, requests: Sequence[Request], **options: Unpack[CallOptions]) -> list[Answer | OnwardError]:
        """Return the answer or the error of each request, in order. Raises OnwardError where all failed at once."""
        return await self._call(lambda to, call: to.batch(requests, call), options)

    async def record(self, events: Sequence[Event], **options: Unpack[CallOptions]) -> list[EventResult]:
        """Send what readers saw and did; accepted events are on the gateway's disk. Raises OnwardError."""
        return await self._call(lambda to, call: to.record(events, call), options)

    async def open(self) -> Transport:
        """Connect, or open the bundle, unless that was done; the first call does it too."""
        return await asyncio.shield(self._opened())

    async def close(self) -> None:
        """Close the connections or the bundle; a later call opens them again."""
        opening, self._opening = self._opening, None
        if opening is not None and not _has_failed(opening):
            await (await opening).close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _opened(self) -> asyncio.Task[Transport]:
        """Return the task that opens. Who waits for it no longer leaves it to the next call, and to `close`."""
        if self._opening is None or _has_failed(self._opening):
            self._opening = asyncio.create_task(self._connect())
        return self._opening

    async def _call(self, attempt: Attempt[T], options: CallOptions, hedge: bool = False) -> T:
        timeout = _positive("timeout", options.get("timeout", self._timeout))
        request_id = _request_id(options.get("request_id", ""))
        until = time.monotonic() + timeout
        opening = self._opened()

        def left_s() -> float:
            return max(0.001, until - time.monotonic())

        async def once() -> T:
            return await attempt(transport, Call(left_s(), request_id))

        async def once_or_twice() -> T:
            return await (once() if after_s is None else hedged(once, after_s))

        after_s = self._hedge_after if hedge else None
        try:
            async with asyncio.timeout(timeout):
                transport = await asyncio.shield(opening)
                return await self._retry(once_or_twice, left_s())
        except TimeoutError:
            raise too_late(timeout, request_id) from None
        except (Exception, asyncio.CancelledError) as error:
            if opening is self._opening or _is_cancelled():
                raise
            raise closed() from error  # each way says it with an error of its own, and gRPC by cancelling


def _is_cancelled() -> bool:
    """Return whether somebody cancels the running task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _split(options: Any) -> tuple[CallOptions, dict[str, Any]]:
    """Return how the call is made, and the fields of the request."""
    fields = dict(options)
    call = CallOptions()
    if "timeout" in fields:
        call["timeout"] = fields.pop("timeout")
    if "request_id" in fields:
        call["request_id"] = fields.pop("request_id")
    return call, fields


def _positive(name: str, seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name}: it is {seconds!r}: give seconds above 0")
    return seconds


def _request_id(sent: str) -> str:
    """Return the ID, or a new one where there is none. Raises ValueError where the gateway would not take it."""
    if sent and not _REQUEST_ID.fullmatch(sent):
        raise ValueError(f"request_id: it is {sent[:80]!r}: give up to 64 ASCII letters, digits and ._-")
    return sent or secrets.token_hex(16)


def _has_failed(opening: asyncio.Task[Transport]) -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)
