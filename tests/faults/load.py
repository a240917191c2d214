"""Load on a gateway: open loop (arrivals do not wait for answers), every answer kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request; status 0 when nothing did."""

    started: float  # monotonic seconds
    seconds: float
    status: int
    body: Any = None
    error: str = ""


@dataclass
class Replies:
    """The replies of a run, in the order in which they came."""

    each: list[Reply] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.each)

    def share(self, good: Callable[[Reply], bool]) -> float:
        """Return the share of replies for which `good` holds; 1 if there are none."""
        return sum(map(good, self.each)) / len(self.each) if self.each else 1.0

    def between(self, start: float, end: float) -> Replies:
        """Return the replies to requests sent in [start, end)."""
        return Replies([reply for reply in self.each if start <= reply.started < end])

    def late(self, seconds: float) -> int:
        """Return how many took longer."""
        return sum(reply.seconds > seconds for reply in self.each)

    def slowest(self) -> float:
        """Return the longest time, in seconds."""
        return max((reply.seconds for reply in self.each), default=0.0)

    def quantile(self, share: float) -> float:
        """Return the time that `share` of the replies stay within, in seconds."""
        ordered = sorted(reply.seconds for reply in self.each)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def send(session: aiohttp.ClientSession, url: str, params: dict[str, str]) -> Reply:
    """Ask once; never raises for what the server or the network does."""
    started = time.monotonic()
    try:
        async with session.get(url, params=params) as response:
            body = await response.json(content_type=None)
            return Reply(started, time.monotonic() - started, response.status, body)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return Reply(started, time.monotonic() - started, 0, None, repr(error))


async def open_loop(
    http: str, urls: Sequence[str], rate: float, seconds: float, stop: asyncio.Event | None = None, **params: str
) -> Replies:
    """Ask for `urls` in turn at `rate` requests a second for `seconds`, or until `stop`; return every reply."""
    replies, pending = Replies(), set[asyncio.Task[Reply]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        start = time.monotonic()
        for number, url in enumerate(_endless(urls)):
            due = start + number / rate
            if due >= start + seconds or (stop is not None and stop.is_set()):
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(send(session, f"{http}/recommend", {"url1": url, **params}))
            pending.add(task)
            task.add_done_callback(pending.discard)
            task.add_done_callback(lambda done: replies.each.append(done.result()))
        await asyncio.gather(*pending)
    return replies


def _endless(urls: Sequence[str]) -> Iterator[str]:
    return iter(cycle(urls))
