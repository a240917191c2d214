"""Puts Redis under the gateway's tables: limits from the settings, a breaker a server, metrics, the bundle behind."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from cascade.trace import degrade
from recall.paths import IS_ROW
from service.metrics import Metrics
from service.settings import RedisSettings
from store.breaker import Breaker, BreakerLimits, State
from store.guard import Guard, Outcome
from store.redis_client import SocketLimits, connect, connect_blocking
from store.redis_rows import ClusterRows, RedisRows, ServerRows
from store.redis_table import FallbackReason, RedisTable, reject_truncated
from store.redis_url import parse
from store.tables import IsRow, LmdbTable
from store.unknown_pages import RedisUnknownPages

log = logging.getLogger(__name__)

#: The reason of an answer that rests on rows of the bundle's own files where Redis should have given them.
LOCAL = "tables:local"


def open_rows(url: str, settings: RedisSettings, metrics: Metrics) -> RedisRows:
    """Return what reads rows from Redis; nothing is connected yet. Raises RedisUrlError."""
    address = parse(url)
    client = connect(address, socket_limits(settings))
    guard = partial(_guard, settings=settings, metrics=metrics)
    if isinstance(client, RedisCluster):
        return ClusterRows(client, guard, settings.timeout_ms / 1e3)
    assert isinstance(client, Redis)  # noqa: S101 -- one of the two
    return ServerRows(client, guard(str(address)))


def open_tables(rows: RedisRows, bundle: str, own: Iterable[LmdbTable], metrics: Metrics) -> dict[str, RedisTable]:
    """Return a bundle's tables in Redis; what Redis does not give comes from `own`.

    That is flagged, unless Redis holds nothing: the bundle's own rows are the whole truth then, and it is told once.
    """
    told = False

    def on_fallback(reason: FallbackReason) -> None:
        nonlocal told
        metrics.redis_local.labels(reason.value).inc()
        if reason is not FallbackReason.NOT_HELD:
            degrade(LOCAL)
        elif not told:
            told = True
            log.warning("Redis lacks rows of %s, its own tables serve: run `onward push`", bundle)

    return {table.name: RedisTable(rows, bundle, table, on_fallback, _is_row(table)) for table in own}


def _is_row(table: LmdbTable) -> IsRow | None:
    is_row = IS_ROW.get(table.name)
    if is_row is None or table.name == "pages":  # a page's row ends with its text, and hundreds are read at a time
        return is_row
    return reject_truncated(is_row, table)


def unknown_pages(url: str, settings: RedisSettings, most: int) -> RedisUnknownPages:
    """Return the hash of unknown pages; connected at its first use, from a thread. Raises RedisUrlError."""
    address, limits = parse(url), socket_limits(settings)
    return RedisUnknownPages(lambda: connect_blocking(address, limits), most)


def socket_limits(settings: RedisSettings) -> SocketLimits:
    """Return the settings' limits on connections."""
    return SocketLimits(settings.socket_timeout_ms / 1e3, settings.connect_timeout_ms / 1e3, settings.max_connections)


def _guard(server: str, settings: RedisSettings, metrics: Metrics) -> Guard:
    limits = BreakerLimits(settings.breaker.failures, settings.breaker.window_s, settings.breaker.open_s)
    gauge = metrics.redis_breaker.labels(server)
    gauge.set(State.CLOSED)

    def count(outcome: Outcome) -> None:
        metrics.redis.labels(outcome.value).inc()

    return Guard(server, settings.timeout_ms / 1e3, Breaker(limits, changed=gauge.set), count)
