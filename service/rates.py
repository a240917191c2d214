"""How much each caller may ask: counted in Redis for all replicas, or here while Redis does not answer."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.refusal import TooMany
from service.settings import KeySettings

log = logging.getLogger(__name__)

_AGAIN_S = 1.0  # after a failure of Redis, until it is asked again


class Rates:
    """A limit on requests a minute and name. A Redis that fails costs one request a second its time limit."""

    def __init__(self, settings: KeySettings, redis_url: str | None) -> None:
        self._item = RateLimitItemPerMinute(settings.per_minute)
        self._timeout_s = settings.redis_timeout_ms / 1e3
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = SlidingWindowCounterRateLimiter(_storage(redis_url, self._timeout_s)) if redis_url else None
        self._redis_again = -math.inf

    async def spend(self, name: str, requests: int) -> None:
        """Count requests of `name`. Raises TooMany when they are beyond its limit; they are not counted then."""
        if self._shared is not None and time.monotonic() >= self._redis_again:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._hit(self._shared, name, requests)
            except TooMany:
                raise
            except Exception as error:  # whatever ails Redis, requests do not wait for it
                self._redis_again = time.monotonic() + _AGAIN_S
                log.warning("rates are counted in this process alone: Redis: %s", type(error).__name__)
        await self._hit(self._here, name, requests)

    async def _hit(self, limiter: RateLimiter, name: str, requests: int) -> None:
        if not await limiter.hit(self._item, name, cost=requests):
            reset = (await limiter.get_window_stats(self._item, name)).reset_time
            raise TooMany(self._item.amount, max(1, math.ceil(reset - time.time())))

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._shared is not None:
            await self._shared.storage.bridge.storage.aclose()  # type: ignore[attr-defined]


def _storage(url: str, timeout_s: float) -> RedisStorage:
    return RedisStorage(
        f"async+{url.replace('unix://', 'redis+unix://', 1)}",
        implementation="redispy",
        key_prefix="onward:rates",
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
    )
