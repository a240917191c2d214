"""Rate limits per API key: counted in Redis for all replicas, or in this process while Redis does not reply."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from service.admission.refusal import BatchTooLarge, RateLimited
from service.settings import KeySettings
from store.redis import client
from store.redis.circuit_breaker import Breaker, BreakerLimits
from store.redis.client import AsyncClient, SocketLimits
from store.redis.guarded_call import Guard
from store.redis.url import RedisAddress, parse

log = logging.getLogger(__name__)

_PARALLEL = 4  # calls to Redis: more in parallel do not improve throughput
_BREAKER = BreakerLimits(failures=3, window_s=2.0, open_s=1.0)
_SOCKET = SocketLimits(silent_s=0.2, connect_s=0.5, connections=4 * _PARALLEL)  # late calls hold theirs longer
_FIRST_S = 0.5  # timeout of the first call, which connects, finds the nodes of a cluster and loads the script


class RateLimits:
    """A limit on requests per minute and name; for one event loop.

    After a few timeouts Redis is not called for a second at a time, and this process counts by itself.
    """

    def __init__(self, settings: KeySettings, redis_url: str | None) -> None:
        self._item = RateLimitItemPerMinute(settings.per_minute)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = _Shared(parse(redis_url), settings.redis_timeout_ms / 1e3) if redis_url else None
        self._is_local = False

    async def count(self, name: str, requests: int, batch: int = 1) -> None:
        """Count requests of `name`, out of a batch of `batch`.

        Raises RateLimited when they exceed its limit, BatchTooLarge when they always would; then they are not counted.
        """
        if max(requests, batch) > self._item.amount:
            raise BatchTooLarge(max(requests, batch), self._item.amount)
        reset = None if self._shared is None else await self._shared.hit(self._item, name, requests)
        if self._shared is not None and (reset is None) != self._is_local:
            self._is_local = reset is None
            where = "in this process only: Redis does not reply" if self._is_local else "in Redis again"
            log.warning("rate limits are counted %s", where)
        if reset is None:
            reset = await _hit(self._local, self._item, name, requests)
        if reset > 0:
            raise RateLimited(self._item.amount, max(1, math.ceil(reset - time.time())))

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._shared is not None:
            await self._shared.close()


class _Shared:
    """The counts in Redis. Calls queue here, so that their timeout covers only the time that Redis takes."""

    def __init__(self, address: RedisAddress, timeout_s: float) -> None:
        self._client = client.connect(address, _SOCKET)
        self._limiter = SlidingWindowCounterRateLimiter(_Storage(self._client))
        self._guard, self._first = (self._guarded(address, wait_s) for wait_s in (timeout_s, max(timeout_s, _FIRST_S)))
        self._turns = asyncio.Semaphore(_PARALLEL)
        self._opening: asyncio.Task[float | None] | None = None
        self._waits_for_first = True  # later Redis is known to be down, and no request waits for it
        self._open = False

    async def hit(self, item: RateLimitItemPerMinute, name: str, requests: int) -> float | None:
        """Return 0 where the requests were counted, else the time of the reset; None where Redis does not reply."""
        if not self._open:
            opening = self._try_to_open(item)
            if self._waits_for_first:
                await asyncio.wait({opening})
                self._waits_for_first = False
            if not self._open:
                return None
        async with self._turns:
            return await self._guard.call(lambda: _hit(self._limiter, item, name, requests))

    async def close(self) -> None:
        """Cancel calls and close the connections."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._first.close()
        await self._guard.close()
        await client.close(self._client)

    def _try_to_open(self, item: RateLimitItemPerMinute) -> asyncio.Task[float | None]:
        """Connect and load the script by counting zero requests, in the background; one attempt at a time."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._first.call(lambda: self._count_zero(item)))
            self._opening.add_done_callback(self._opened)
        return self._opening

    async def _count_zero(self, item: RateLimitItemPerMinute) -> float:
        return max(await asyncio.gather(*(_hit(self._limiter, item, "", 0) for _ in range(_PARALLEL))))

    def _opened(self, opening: asyncio.Task[float | None]) -> None:
        self._open = not opening.cancelled() and opening.result() is not None

    @staticmethod
    def _guarded(address: RedisAddress, wait_s: float) -> Guard:
        return Guard(
            f"{address} (rates)", wait_s, Breaker(_BREAKER), lambda outcome: None, "this process counts by itself"
        )


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItemPerMinute, name: str, requests: int
) -> float:
    """Return 0 where the requests were counted, else the time of the reset in seconds since 1970."""
    if await limiter.hit(item, name, cost=requests):
        return 0.0
    return (await limiter.get_window_stats(item, name)).reset_time


class _Storage(RedisStorage):
    """The storage of `limits` over our own client, which supports Sentinels, clusters, TLS and Redis users."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        super().__init__("async+redis://", implementation="redispy", key_prefix="onward:rates")

    def configure_bridge(self) -> None:
        """Use our client instead of one made from the URL."""
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda readonly: self._client
