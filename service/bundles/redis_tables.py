"""Reads the gateway's tables from Redis, with a circuit breaker per server, and from the bundle where Redis fails."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from cascade.trace import degrade
from ranking import stored_answers
from recall.paths import IS_ROW
from service.metrics import Metrics
from service.settings import RedisSettings
from store.redis.circuit_breaker import Breaker, BreakerLimits, State
from store.redis.client import SocketLimits, connect, connect_blocking
from store.redis.guarded_call import Guard, Outcome
from store.redis.rows import ClusterRows, RedisRows, ServerRows
from store.redis.rules import StoredRules
from store.redis.table_with_fallback import FallbackReason, RedisTable, reject_truncated
from store.redis.url import parse
from store.tables import IsRow, LmdbTable
from store.unknown_pages import RedisUnknownPages

log = logging.getLogger(__name__)

#: The reason of an answer that uses rows of the bundle's own files because Redis failed to return them.
LOCAL = "tables:local"


def open_rows(url: str, settings: RedisSettings, metrics: Metrics) -> RedisRows:
    """Return a reader of rows in Redis, not connected yet. Raises RedisUrlError."""
    address = parse(url)
    client = connect(address, socket_limits(settings))
    guard = partial(_guard, settings=settings, metrics=metrics)
    if isinstance(client, RedisCluster):
        return ClusterRows(client, guard, settings.timeout_ms / 1e3)
    assert isinstance(client, Redis)  # noqa: S101 -- there are only these two
    return ServerRows(client, guard(str(address)))


def open_tables(rows: RedisRows, bundle: str, own: Iterable[LmdbTable], metrics: Metrics) -> dict[str, RedisTable]:
    """Return a bundle's tables in Redis; rows that Redis does not return are read from `own`.

    Such answers are degraded, unless the rows were never pushed: then the bundle's own rows are complete, and one
    warning is logged.
    """
    warned = False

    def on_fallback(reason: FallbackReason) -> None:
        nonlocal warned
        metrics.redis_local.labels(reason.value).inc()
        if reason is not FallbackReason.NOT_HELD:
            degrade(LOCAL)
        elif not warned:
            warned = True
            log.warning("Redis has no rows of %s, so its own tables are read: run `onward push`", bundle)

    return {table.name: RedisTable(rows, bundle, table, on_fallback, _is_row(table)) for table in own}


def _is_row(table: LmdbTable) -> IsRow | None:
    is_row = stored_answers.is_row if table.name == stored_answers.TABLE else IS_ROW.get(table.name)
    if is_row is None or table.name == "pages":  # rows of pages end with their text, and hundreds are read at a time
        return is_row
    return reject_truncated(is_row, table)


def unknown_pages(url: str, settings: RedisSettings, most: int) -> RedisUnknownPages:
    """Return the store of unknown pages, which connects at its first use, in a thread. Raises RedisUrlError."""
    address, limits = parse(url), socket_limits(settings)
    return RedisUnknownPages(lambda: connect_blocking(address, limits), most)


def stored_rules(url: str, settings: RedisSettings) -> StoredRules:
    """Return the operator's rules in Redis; it connects at its first use, in a thread. Raises RedisUrlError."""
    address, limits = parse(url), socket_limits(settings)
    return StoredRules(lambda: connect_blocking(address, limits))


def socket_limits(settings: RedisSettings) -> SocketLimits:
    """Return the limits on connections from the settings."""
    return SocketLimits(settings.socket_timeout_ms / 1e3, settings.connect_timeout_ms / 1e3, settings.max_connections)


def _guard(server: str, settings: RedisSettings, metrics: Metrics) -> Guard:
    limits = BreakerLimits(settings.breaker.failures, settings.breaker.window_s, settings.breaker.open_s)
    gauge = metrics.redis_breaker.labels(server)
    gauge.set(State.CLOSED)

    def count(outcome: Outcome) -> None:
        metrics.redis.labels(outcome.value).inc()

    return Guard(server, settings.timeout_ms / 1e3, Breaker(limits, changed=gauge.set), count)
