"""Measures how long reading a request's rows takes: from one server, and from a cluster of three by several methods.

Run from the repository's root: PYTHONPATH=.:tests/faults python benchmarks/redis_rows.py
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

import uvloop
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.crc import key_slot
from redis_servers import cluster, one_server

from store.redis.circuit_breaker import Breaker, BreakerLimits
from store.redis.client import SocketLimits, close, connect, connected
from store.redis.guarded_call import Guard
from store.redis.rows import ClusterRows
from store.redis.url import parse

ROWS, BYTES, RUNS = 300, 600, 200
KEYS = [b"onward:20250101T000000Z-0123abcd:pages:" + os.urandom(8) for _ in range(ROWS)]


def fill(url: str) -> None:
    """Write the rows."""
    with connected(parse(url)) as client:
        pipeline = client.pipeline(transaction=False)
        for key in KEYS:
            pipeline.set(key, os.urandom(BYTES))
        pipeline.execute()


async def measure(name: str, read: Callable[[], Awaitable[object]]) -> None:
    """Print the median time and the CPU time of this process."""
    for _ in range(20):
        await read()
    seconds, cpu = [], time.process_time()
    for _ in range(RUNS):
        start = time.perf_counter()
        await read()
        seconds.append(time.perf_counter() - start)
    cpu_ms = (time.process_time() - cpu) / RUNS * 1e3
    print(f"{name}: {statistics.median(seconds) * 1e3:.2f} ms, of which {cpu_ms:.2f} ms CPU in this process")


async def on_nodes(client: RedisCluster, commands: Callable[[Sequence[bytes]], list[PipelineCommand]]) -> None:
    """Send each node the commands for its keys, all nodes at once."""
    nodes: dict[ClusterNode, list[bytes]] = {}
    for key in KEYS:
        nodes.setdefault(client.nodes_manager.slots_cache[key_slot(key)][0], []).append(key)
    await asyncio.gather(*(node.execute_pipeline(commands(keys)) for node, keys in nodes.items()))


def gets(keys: Sequence[bytes]) -> list[PipelineCommand]:
    """Return one GET per key."""
    return [PipelineCommand(place, "GET", key) for place, key in enumerate(keys)]


def mgets(keys: Sequence[bytes]) -> list[PipelineCommand]:
    """Return one MGET per slot."""
    slots: dict[int, list[bytes]] = {}
    for key in keys:
        slots.setdefault(key_slot(key), []).append(key)
    return [PipelineCommand(place, "MGET", *keys) for place, keys in enumerate(slots.values())]


async def as_served(client: RedisCluster) -> None:
    """Read all rows as the gateway does."""
    rows = ClusterRows(client, lambda name: Guard(name, 10.0, Breaker(BreakerLimits()), lambda ended: None), 10.0)
    await rows.read(KEYS)


async def main(directory: Path) -> None:
    """Run all measurements."""
    with one_server(directory / "one") as server:
        await asyncio.to_thread(fill, server.url)
        client = cast("Redis", connect(parse(server.url), SocketLimits()))
        await measure(f"one server, MGET of {ROWS}", lambda: client.mget(KEYS))
        await close(client)
    with cluster(directory / "cluster") as nodes:
        await asyncio.to_thread(fill, nodes.url)
        nodes_client = cast("RedisCluster", connect(parse(nodes.url), SocketLimits()))
        await nodes_client.nodes_manager.initialize()
        await measure("three nodes, as the gateway reads them", lambda: as_served(nodes_client))
        await measure("three nodes, redis-py's pipeline of GETs", lambda: on_nodes(nodes_client, gets))
        await measure("three nodes, redis-py's pipeline of MGETs, one per slot", lambda: on_nodes(nodes_client, mgets))
        await close(nodes_client)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        uvloop.run(main(Path(directory)))
