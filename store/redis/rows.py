"""Reads rows from Redis in one round trip to the server, or to each cluster node that holds some of them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from store.redis import client
from store.redis.guarded_call import Guard

log = logging.getLogger(__name__)

RENEW_S = 1.0  # minimum interval between updates of the slot map


class NotAnswered:
    """Marks a row for which no server answered; None means that the server has no such row."""


NOT_ANSWERED = NotAnswered()
Row = bytes | None | NotAnswered


class RedisRows(Protocol):
    """Reads many rows in one call and writes single ones; server errors are never raised."""

    async def read(self, keys: Sequence[bytes]) -> list[Row]:
        """Return the row of each key, in order."""
        ...

    async def write(self, key: bytes, row: bytes, keep_s: float) -> None:
        """Store a row for `keep_s`; silently lost if the server does not accept it."""
        ...

    async def write_many(self, rows: Mapping[bytes, bytes], keep_s: float) -> None:
        """Store rows for `keep_s`; silently lost if the server does not accept them."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class ServerRows:
    """A single server or a Sentinel master: one MGET."""

    def __init__(self, client: Redis, guard: Guard) -> None:
        self._client, self._guard = client, guard

    async def read(self, keys: Sequence[bytes]) -> list[Row]:
        """Return the row of each key, in order."""
        rows = await self._guard.call(lambda: self._client.mget(list(keys)))
        return [NOT_ANSWERED] * len(keys) if rows is None else cast("list[Row]", rows)

    async def write(self, key: bytes, row: bytes, keep_s: float) -> None:
        """Store a row for `keep_s`; silently lost if the server does not accept it."""
        await self._guard.call(lambda: self._client.set(key, row, px=_milliseconds(keep_s)))

    async def write_many(self, rows: Mapping[bytes, bytes], keep_s: float) -> None:
        """Store rows for `keep_s`; silently lost if the server does not accept them."""
        pipeline = self._client.pipeline(transaction=False)
        for key, row in rows.items():
            pipeline.set(key, row, px=_milliseconds(keep_s))
        await self._guard.call(pipeline.execute)

    async def close(self) -> None:
        """Close the connections."""
        await self._guard.close()
        await client.close(self._client)


class ClusterRows:
    """A cluster: one round trip of pipelined GETs per node, all nodes in parallel, each with its own guard.

    Nearly every row has a slot of its own, so one MGET per slot would be as many commands, and was slower. redis-py
    provides the nodes but does not route: if one node fails, its client rediscovers all of them while every call waits.
    """

    def __init__(
        self, client: RedisCluster, guard: Callable[[str], Guard], wait_s: float, renew_s: float = RENEW_S
    ) -> None:
        self._nodes, self._guard, self._wait_s = client.nodes_manager, guard, wait_s
        self._client, self._renew_s = client, renew_s
        self._guards: dict[str, Guard] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._renewed = 0.0
        self._awaits_slots = True

    async def read(self, keys: Sequence[bytes]) -> list[Row]:
        """Return the row of each key, in order."""
        if not self._nodes.slots_cache:
            update = self._renew()
            if self._awaits_slots:  # only once: later the map is empty because no node answers, so waiting is useless
                await asyncio.wait({update}, timeout=self._wait_s)
                self._awaits_slots = False
        rows: list[Row] = [NOT_ANSWERED] * len(keys)
        await asyncio.gather(*(self._fill(rows, node, places, keys) for node, places in self._by_node(keys)))
        if any(row is NOT_ANSWERED for row in rows):
            self._renew()
        return rows

    async def write(self, key: bytes, row: bytes, keep_s: float) -> None:
        """Store a row for `keep_s`; silently lost if the server does not accept it."""
        for node, _ in self._by_node([key]):
            px = _milliseconds(keep_s)
            await self._guard_of(node).call(lambda: node.execute_command("SET", key, row, "PX", px))  # noqa: B023

    async def write_many(self, rows: Mapping[bytes, bytes], keep_s: float) -> None:
        """Store rows for `keep_s`; silently lost if their servers do not accept them."""
        await asyncio.gather(*(self.write(key, row, keep_s) for key, row in rows.items()))

    async def close(self) -> None:
        """Close the connections."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        for guard in self._guards.values():
            await guard.close()
        await client.close(self._client)

    def _by_node(self, keys: Sequence[bytes]) -> list[tuple[ClusterNode, list[int]]]:
        nodes: dict[str, tuple[ClusterNode, list[int]]] = {}
        slots = self._nodes.slots_cache
        for place, key in enumerate(keys):
            if holders := slots.get(key_slot(key)):  # after a node has left, some slots may have no owner
                nodes.setdefault(holders[0].name, (holders[0], []))[1].append(place)
        return list(nodes.values())

    async def _fill(self, rows: list[Row], node: ClusterNode, places: list[int], keys: Sequence[bytes]) -> None:
        found = await self._guard_of(node).call(lambda: _get(node, [keys[place] for place in places]))
        for place, row in zip(places, found or (), strict=False):
            rows[place] = row

    def _guard_of(self, node: ClusterNode) -> Guard:
        if (guard := self._guards.get(node.name)) is None:
            guard = self._guards[node.name] = self._guard(node.name)
        return guard

    def _renew(self) -> asyncio.Task[None]:
        """Update the slot map in the background: one update at a time, at most one per `renew_s`."""
        if self._renewing is None or (self._renewing.done() and time.monotonic() - self._renewed > self._renew_s):
            self._renewed = time.monotonic()
            self._renewing = asyncio.create_task(self._update_slots())
        return self._renewing

    async def _update_slots(self) -> None:
        try:
            await self._nodes.initialize()
        except Exception as error:  # redis-py raises more than RedisError; the next update may succeed
            log.warning("Redis cluster: cannot list its nodes: %s", type(error).__name__)


async def _get(node: ClusterNode, keys: list[bytes]) -> list[Row]:
    """Return the row of each key of one node; NOT_ANSWERED for moved keys. Raises RedisError if no key is answered.

    redis-py's own pipeline packs each command and times each reply separately, which takes three times as long.
    """
    connection = node.acquire_connection()
    try:
        await node.disconnect_if_needed(connection)
        await connection.send_packed_command([_packed(b"GET", key) for key in keys])
        async with asyncio.timeout(connection.socket_timeout):
            replies = [await _reply(connection) for _ in keys]
        if all(isinstance(reply, ResponseError) for reply in replies):
            raise cast("ResponseError", replies[0])
    except (RedisError, TimeoutError):
        await connection.disconnect(nowait=True)
        await node.disconnect_free_connections()  # they may be dead too, and a node does not check before use
        raise
    finally:
        node.release(connection)
    return [NOT_ANSWERED if isinstance(reply, ResponseError) else cast("Row", reply) for reply in replies]


def _packed(*command: bytes) -> bytes:
    words: Any = command  # hiredis's type stub only allows one-word commands
    return bytes(hiredis.pack_command(words))


async def _reply(connection: Connection) -> object:
    try:
        return await connection.read_response(timeout=math.inf)  # the caller has one timeout for all replies
    except ResponseError as error:
        return error


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1e3))
