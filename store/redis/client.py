"""Connects to Redis (a single server, Sentinel or a cluster) with strict timeouts and without redis-py's retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import redis
from redis import asyncio as aio
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import ClusterNode as BlockingNode
from redis.cluster import RedisCluster as BlockingCluster
from redis.exceptions import RedisClusterException
from redis.retry import Retry as BlockingRetry
from redis.sentinel import Sentinel as BlockingSentinel

from store.redis.url import Kind, RedisAddress

AsyncClient = aio.Redis | RedisCluster


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Timeouts of a connection, and the maximum number of connections per server."""

    silent_s: float = 30.0
    connect_s: float = 30.0
    connections: int = 16

    def options(self) -> dict[str, float]:
        """Return the limits as options of redis-py."""
        return {
            "socket_timeout": self.silent_s,
            "socket_connect_timeout": self.connect_s,
            "max_connections": self.connections,
        }


def connect(address: RedisAddress, limits: SocketLimits) -> AsyncClient:
    """Return a client that connects on its first call and never retries; redis-py's default is ten retries."""
    options = _options(address, limits)
    if address.kind is Kind.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(
            startup_nodes=nodes, require_full_coverage=False, retry=Retry(NoBackoff(), 0), **options, **address.tls
        )
    options |= {"retry": Retry(NoBackoff(), 0), "db": address.db}
    if address.kind is Kind.SENTINEL:
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs=_sentinel_options(address, limits, Retry(NoBackoff(), 0))
        )
        return cast("aio.Redis", sentinels.master_for(address.service, **options, **address.tls))
    return aio.Redis(**_place(address), **options, **address.tls)


async def close(client: AsyncClient) -> None:
    """Close all connections, including those to Sentinels and cluster nodes, which redis-py would leave open."""
    if isinstance(client, RedisCluster):
        await client.aclose()  # does nothing if only its nodes were used
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")
        return
    await client.aclose()
    if isinstance(client.connection_pool, SentinelConnectionPool):
        await client.connection_pool.sentinel_manager.aclose()


def connect_blocking(address: RedisAddress, limits: SocketLimits, retries: int = 0) -> redis.Redis:
    """Return a blocking client; a cluster client connects immediately. Raises redis.ConnectionError.

    `retries` per call, with exponential backoff up to a second: only for callers whose writes are idempotent.
    """
    options = _options(address, limits)
    retry = BlockingRetry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), retries)
    if address.kind is Kind.CLUSTER:
        nodes = [BlockingNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
        try:
            cluster = BlockingCluster(
                startup_nodes=nodes, require_full_coverage=False, retry=retry, **options, **address.tls
            )
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from None
        return cast("redis.Redis", cluster)  # both clients have the methods that we use
    options |= {"retry": retry, "db": address.db}
    if address.kind is Kind.SENTINEL:
        sentinels: Any = BlockingSentinel(  # type: ignore[no-untyped-call]
            address.hosts, sentinel_kwargs=_sentinel_options(address, limits, retry)
        )
        return cast("redis.Redis", sentinels.master_for(address.service, **options, **address.tls))
    return redis.Redis(**_place(address), **options, **address.tls)


@contextmanager
def connected(address: RedisAddress, retries: int = 3) -> Iterator[redis.Redis]:
    """Yield a blocking client that has answered a ping; closed after the block. Raises redis.RedisError."""
    client = connect_blocking(address, SocketLimits(), retries)
    try:
        client.ping()
        yield client
    finally:
        client.close()
        if sentinels := getattr(getattr(client, "connection_pool", None), "sentinel_manager", None):
            sentinels.close()


def _options(address: RedisAddress, limits: SocketLimits) -> dict[str, Any]:
    return {**limits.options(), **address.login}


def _sentinel_options(address: RedisAddress, limits: SocketLimits, retry: object) -> dict[str, Any]:
    return {**limits.options(), **address.sentinel_login, **address.tls, "retry": retry}


def _place(address: RedisAddress) -> dict[str, Any]:
    if address.socket:
        return {"unix_socket_path": address.socket}
    ((host, port),) = address.hosts
    return {"host": host, "port": port}
