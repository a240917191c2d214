"""A minimal HTTP client for benchmarks: prepared requests, keep-alive connections, unparsed bodies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

_HEAD_END = b"\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Measured:
    """Results: seconds and status of each request, in order of completion, and the total time.

    Status 0 means that the connection was closed before the answer was complete.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    degraded: int = 0
    wall_s: float = 0.0

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return len(self.seconds) / self.wall_s

    def quantile(self, share: float) -> float:
        """Return the quantile `share` of the response times, in milliseconds."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    async def exchange(self, streams: Streams, request: bytes, begun: float) -> bool:
        """Send one request and record the result; return whether the connection can be used again."""
        try:
            status, body = await exchange(*streams, request)
        except (OSError, EOFError):  # closed before or during the answer
            streams[1].close()
            status, body = 0, b""
        self.seconds.append(time.perf_counter() - begun)
        self.statuses.append(status)
        self.degraded += b'"degraded":[]' not in body
        return status != 0


def get(http: str, path: str) -> bytes:
    """Return the bytes of one GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(http).netloc}\r\n\r\n".encode()


def recommend(http: str, url: str) -> bytes:
    """Return the bytes of one GET /recommend."""
    return get(http, f"/recommend?url1={quote(url, safe='')}")


async def connect(http: str) -> Streams:
    """Open a connection to a server."""
    parts = urlsplit(http)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def closed_loop(http: str, requests: Iterable[bytes], connections: int) -> Measured:
    """Send the requests over `connections` connections, each sending its next one after the last answer."""
    measured, waiting = Measured(), iter(requests)
    begun = time.perf_counter()
    await asyncio.gather(*(_connection(http, waiting, measured) for _ in range(connections)))
    measured.wall_s = time.perf_counter() - begun
    return measured


async def pipelined(http: str, request: bytes, count: int, connections: int, depth: int) -> Measured:
    """Send one request repeatedly, pipelining `depth` per connection: the cheapest possible client."""
    measured = Measured()
    batches = iter(range(count // depth))

    async def connection() -> None:
        reader, writer = await connect(http)
        for _ in batches:
            begun = time.perf_counter()
            writer.write(request * depth)
            seen, tail = 0, b""
            while seen < depth:
                data = tail + await reader.read(1 << 18)
                seen += data.count(b"HTTP/1.1 200")
                tail = data[-11:]  # a status line may be split; eleven bytes cannot contain a whole one
            measured.seconds += [(time.perf_counter() - begun) / depth] * depth
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    measured.wall_s = time.perf_counter() - begun
    return measured


async def second_response(http: str, request: bytes) -> bytes:
    """Return the second response to a request, which is the cached one: head and body as they arrive."""
    streams = await connect(http)
    await exchange(*streams, request)
    head, body = await _response(*streams, request)
    streams[1].close()
    return head + body


async def open_loop(http: str, requests: list[bytes], rate: float) -> Measured:
    """Send the requests at a fixed rate, without waiting for answers; a request's time starts when it is due."""
    measured, free = Measured(), list[Streams]()
    begun = time.perf_counter()

    async def one(request: bytes, due: float) -> None:
        streams = free.pop() if free else await connect(http)
        if await measured.exchange(streams, request, due):
            free.append(streams)

    tasks = []
    for number, request in enumerate(requests):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    measured.wall_s = time.perf_counter() - begun
    for _, writer in free:
        writer.close()
    return measured


async def _connection(http: str, waiting: Iterator[bytes], measured: Measured) -> None:
    streams = await connect(http)
    for request in waiting:
        if not await measured.exchange(streams, request, time.perf_counter()):
            streams = await connect(http)
    streams[1].close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """Send one request; return status and body. Raises EOFError or OSError if the connection is closed."""
    head, body = await _response(reader, writer, request)
    return int(head[9:12]), body


async def _response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[bytes, bytes]:
    writer.write(request)
    head = await reader.readuntil(_HEAD_END)
    at = head.lower().index(b"content-length:") + 15
    return head, await reader.readexactly(int(head[at : head.index(b"\r", at)]))
