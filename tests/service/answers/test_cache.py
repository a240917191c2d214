from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from service.answers.cache import Cache, weight

ENTRY = 300 + weight("a") + 1000  # bytes of a value under a key of one letter


@dataclass
class Value:
    text: str
    size: int = 1000
    cacheable: bool = True


class Source:
    """Counts computations and lets each go when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.go = asyncio.Event()
        self.go.set()
        self.make = lambda number: Value(str(number))

    async def __call__(self) -> Value:
        self.calls += 1
        number = self.calls
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.make(number)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_second_lookup_is_a_hit() -> None:
    counted: list[str] = []
    cache, source = Cache[Value](10 * ENTRY, 60, 60, counted.append), Source()
    assert (await cache.get("a", source)).text == (await cache.get("a", source)).text == "1"
    assert counted == ["miss", "hit"]


async def test_a_thousand_callers_of_a_cold_key_share_one_computation() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()
    source.go.clear()
    callers = [asyncio.create_task(cache.get("a", source)) for _ in range(1000)]
    await settle()
    source.go.set()
    assert {value.text for value in await asyncio.gather(*callers)} == {"1"}
    assert source.calls == 1


async def test_a_cancelled_caller_does_not_cancel_the_computation_of_the_others() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()
    source.go.clear()
    first, second = (asyncio.create_task(cache.get("a", source)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    source.go.set()
    assert (await second).text == "1"
    assert (source.calls, source.cancelled) == (1, 0)


async def test_the_last_cancelled_caller_cancels_the_computation() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()
    source.go.clear()
    caller = asyncio.create_task(cache.get("a", source))
    await settle()
    caller.cancel()
    await settle()
    source.go.set()
    assert source.cancelled == 1
    assert (await cache.get("a", source)).text == "2"


async def test_very_different_budgets_share_a_cached_value_but_no_computation() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()
    source.go.clear()
    callers = [asyncio.create_task(cache.get("a", source, budget_s)) for budget_s in (0.1, 0.5)]
    await settle()
    source.go.set()
    await asyncio.gather(*callers)
    assert source.calls == 2
    await cache.get("a", source, 0.25)
    assert source.calls == 2


async def test_similar_deadlines_share_a_computation() -> None:
    clock = Time()
    cache, source = Cache[Value](10 * ENTRY, 60, 60, clock=clock), Source()
    source.go.clear()
    callers = []
    for number in range(40):  # one moment for all, seen a little later by each
        clock.now = 0.0003 * number
        callers.append(asyncio.create_task(cache.get("a", source, 0.0945 - clock.now)))
        await settle()
    source.go.set()
    await asyncio.gather(*callers)
    assert source.calls == 1


async def test_a_computation_that_would_end_too_late_is_not_joined() -> None:
    clock = Time()
    cache, source = Cache[Value](10 * ENTRY, 60, 60, clock=clock), Source()
    source.go.clear()
    callers = [asyncio.create_task(cache.get("a", source, budget_s)) for budget_s in (5.0, 0.1)]
    await settle()
    assert source.calls == 2
    clock.now = 4.95  # the long one is nearly over: it ends in time, and had time enough
    callers.append(asyncio.create_task(cache.get("a", source, 0.1)))
    await settle()
    source.go.set()
    await asyncio.gather(*callers)
    assert source.calls == 2


async def test_a_key_that_callers_choose_counts_towards_the_bytes() -> None:
    cache, source = Cache[Value](1_000_000, 60, 60), Source()
    for number in range(50):
        await cache.get((f"{number:05}" * 1000, frozenset(range(number, number + 500))), source)
    assert cache.bytes <= 1_000_000
    assert len(cache) < 30


async def test_a_value_that_grows_is_weighed_again() -> None:
    cache, source = Cache[Value](3 * ENTRY, 60, 60), Source()
    for key in "abc":
        grown = await cache.get(key, source)
    grown.size = 2000
    cache.weigh("c")
    assert (cache.bytes, len(cache)) == (2 * ENTRY + 1000, 2)


async def test_a_stale_value_is_served_while_one_new_value_is_computed() -> None:
    clock, counted = Time(), list[str]()
    cache, source = Cache[Value](10 * ENTRY, 60, 60, counted.append, clock), Source()
    await cache.get("a", source)
    clock.now = 61
    source.go.clear()
    assert [(await cache.get("a", source)).text for _ in range(3)] == ["1", "1", "1"]
    source.go.set()
    await settle()
    assert (await cache.get("a", source)).text == "2"
    assert (source.calls, counted) == (2, ["miss", "stale", "stale", "stale", "hit"])


async def test_a_value_older_than_its_stale_time_is_computed_again() -> None:
    clock = Time()
    cache, source = Cache[Value](10 * ENTRY, 60, 60, clock=clock), Source()
    await cache.get("a", source)
    clock.now = 121
    assert (await cache.get("a", source)).text == "2"


async def test_a_refresh_that_is_not_cacheable_leaves_the_stale_value() -> None:
    clock = Time()
    cache = Cache[Value](10 * ENTRY, 60, 60, clock=clock, keeps=lambda value: value.cacheable)
    source = Source()
    await cache.get("a", source)
    clock.now, source.make = 61, lambda number: Value(str(number), cacheable=False)
    await cache.get("a", source)
    await settle()
    assert (await cache.get("a", source)).text == "1"


async def test_bytes_are_bounded_and_the_least_recently_used_value_is_evicted() -> None:
    cache, source = Cache[Value](3 * ENTRY, 60, 60), Source()
    for key in "abc":
        await cache.get(key, source)
    await cache.get("a", source)
    await cache.get("d", source)
    assert (cache.bytes, len(cache), source.calls) == (3 * ENTRY, 3, 4)
    await cache.get("a", source)
    assert source.calls == 4
    await cache.get("b", source)
    assert source.calls == 5


async def test_a_value_larger_than_the_cache_is_not_cached() -> None:
    cache, source = Cache[Value](ENTRY - 1, 60, 60), Source()
    await cache.get("a", source)
    assert (cache.bytes, len(cache)) == (0, 0)


async def test_an_error_reaches_every_caller_and_is_not_cached() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()

    async def fail() -> Value:
        await source.go.wait()
        raise OSError("no")

    source.go.clear()
    callers = [asyncio.create_task(cache.get("a", fail)) for _ in range(3)]
    await settle()
    source.go.set()
    assert all(isinstance(error, OSError) for error in await asyncio.gather(*callers, return_exceptions=True))
    with pytest.raises(OSError, match="no"):
        await cache.get("a", fail)
    assert (await cache.get("a", source)).text == "1"


async def test_forgotten_keys_are_dropped_and_their_computations_in_flight_are_not_cached() -> None:
    cache, source = Cache[Value](10 * ENTRY, 60, 60), Source()
    await cache.get(("a", "old"), source)
    await cache.get(("a", "new"), source)
    source.go.clear()
    under_way = asyncio.create_task(cache.get(("b", "old"), source))
    await settle()
    cache.forget(lambda key: key[-1] == "old")
    source.go.set()
    assert (await under_way).text == "3"
    assert (len(cache), cache.bytes) == (1, 300 + weight(("a", "new")) + 1000)
    assert (await cache.get(("a", "new"), source)).text == "2"
