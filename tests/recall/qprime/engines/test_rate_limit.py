from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from recall.qprime.engines.calling import _retry_after
from recall.qprime.engines.rate_limit import RateLimiter


def test_calls_of_all_searches_are_spaced() -> None:
    limiter = RateLimiter(50)
    begun = time.monotonic()
    for _ in range(4):
        asyncio.run(limiter.wait())
    assert time.monotonic() - begun >= 0.06


def test_a_hold_delays_every_call_and_they_are_spaced_after_it() -> None:
    limiter, starts = RateLimiter(50), list[float]()

    async def turn() -> None:
        await limiter.wait()
        starts.append(time.monotonic())

    async def all_turns() -> None:
        begun = time.monotonic()
        tasks = [asyncio.create_task(turn()) for _ in range(3)]
        limiter.hold(0.05)
        await asyncio.gather(*tasks)
        assert (np.array(starts) - begun >= [0.049, 0.069, 0.089]).all()

    asyncio.run(all_turns())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("-3", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert _retry_after(text) == seconds
