"""The client for asyncio; the one for threads runs it on a thread."""

from __future__ import annotations

import asyncio
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
        self._transport: Transport | None = None
        self._opening = asyncio.Lock()

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
        async with self._opening:
            if self._transport is None:
                self._transport = await self._connect()
            return self._transport

    async def close(self) -> None:
        """Close the connections or the bundle; a later call opens them again."""
        async with self._opening:
            if self._transport is not None:
                await self._transport.close()
                self._transport = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, attempt: Attempt[T], options: CallOptions, hedge: bool = False) -> T:
        transport = await self.open()
        timeout = _positive("timeout", options.get("timeout", self._timeout))
        request_id = options.get("request_id", "") or secrets.token_hex(16)
        until = time.monotonic() + timeout

        async def once() -> T:
            return await attempt(transport, Call(max(0.001, until - time.monotonic()), request_id))

        async def once_or_twice() -> T:
            return await (once() if after_s is None else hedged(once, after_s))

        after_s = self._hedge_after if hedge else None
        try:
            async with asyncio.timeout(timeout):
                return await self._retry(once_or_twice, timeout)
        except TimeoutError:
            raise too_late(timeout, request_id) from None
        except (Exception, asyncio.CancelledError) as error:
            if transport is self._transport or _is_cancelled():
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
    if not seconds > 0:
        raise ValueError(f"{name}: it is {seconds!r}: give seconds above 0")
    return seconds
