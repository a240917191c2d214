"""A small TCP balancer in front of replicas: asks each for /readyz, and sends new connections to those that are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import aiohttp

_EVERY_S = 0.1


@dataclass
class Replica:
    """Where a replica listens: `http://host:port` for health, `host:port` of what is balanced."""

    http: str
    target: str
    ready: bool = True


@dataclass
class Balancer:
    """Balances one protocol; `replicas` may change at any time."""

    replicas: list[Replica] = field(default_factory=list)
    address: str = ""
    _turn: count[int] = field(default_factory=count)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def check(self) -> None:
        """Check repeatedly whether each replica is ready, until cancelled."""
        timeout = aiohttp.ClientTimeout(2)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)) as session:
            while True:
                for replica in list(self.replicas):
                    replica.ready = await _is_ready(session, replica)
                await asyncio.sleep(_EVERY_S)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a caller with a ready replica until one of them closes."""
        ready = [replica for replica in self.replicas if replica.ready] or self.replicas
        host, _, port = ready[next(self._turn) % len(ready)].target.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    """Run a balancer on a free port."""
    made = Balancer()
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    checking = asyncio.create_task(made.check())
    try:
        yield made
    finally:
        checking.cancel()
        server.close()
        await made.close()


async def _is_ready(session: aiohttp.ClientSession, replica: Replica) -> bool:
    try:
        async with session.get(f"{replica.http}/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
