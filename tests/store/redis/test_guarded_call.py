from __future__ import annotations

import asyncio
import time

import pytest
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import MaxConnectionsError

from store.redis.circuit_breaker import Breaker, BreakerLimits, State
from store.redis.guarded_call import Guard, Outcome


class Guarded:
    """A guard that records the outcomes of its calls."""

    def __init__(self, wait_s: float = 30.0, failures: int = 3) -> None:
        self.outcomes: list[Outcome] = []
        self.breaker = Breaker(BreakerLimits(failures, 60.0, 60.0))
        self.guard = Guard("here", wait_s, self.breaker, self.outcomes.append)


async def answer() -> str:
    return "rows"


async def refuse() -> str:
    raise NoConnection("connection refused")


async def test_an_answer_is_returned() -> None:
    guarded = Guarded()
    assert await guarded.guard.call(answer) == "rows"
    assert guarded.outcomes == [Outcome.ANSWERED]


async def test_a_failed_call_returns_none() -> None:
    guarded = Guarded()
    assert await guarded.guard.call(refuse) is None
    assert guarded.outcomes == [Outcome.FAILED]


async def test_a_late_call_returns_none_and_keeps_running() -> None:
    guarded, finish, finished = Guarded(wait_s=0.001), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        await finish.wait()
        finished.set()
        return "rows"

    assert await guarded.guard.call(slow) is None
    finish.set()
    await finished.wait()
    assert guarded.outcomes == [Outcome.LATE]


async def test_failures_open_the_breaker_and_then_no_calls_are_made() -> None:
    guarded, made = Guarded(), []

    async def fail() -> str:
        made.append(1)
        raise NoConnection

    for _ in range(5):
        assert await guarded.guard.call(fail) is None
    assert (len(made), guarded.breaker.state) == (3, State.OPEN)
    assert guarded.outcomes[-2:] == [Outcome.NOT_MADE, Outcome.NOT_MADE]


async def test_an_exhausted_connection_pool_does_not_count_as_a_server_failure() -> None:
    guarded = Guarded(failures=1)

    async def full() -> str:
        raise MaxConnectionsError

    assert await guarded.guard.call(full) is None
    assert (guarded.outcomes, guarded.breaker.state) == ([Outcome.NO_CONNECTION], State.CLOSED)


async def test_an_answer_that_arrives_while_the_event_loop_is_blocked_is_in_time() -> None:
    guarded, finish = Guarded(wait_s=0.005), asyncio.Event()

    async def slow() -> str:
        asyncio.get_running_loop().call_later(0.006, finish.set)
        time.sleep(0.02)  # noqa: ASYNC251 -- blocks the loop: the timers of the wait and of the answer are both due
        await finish.wait()
        await asyncio.sleep(0)
        return "rows"

    assert await guarded.guard.call(slow) == "rows"


async def test_a_cancelled_call_does_not_count() -> None:
    guarded = Guarded(failures=1)
    caller = asyncio.create_task(guarded.guard.call(asyncio.Event().wait))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (guarded.outcomes, guarded.breaker.state) == ([], State.CLOSED)
    await guarded.guard.close()


async def test_closing_cancels_running_calls() -> None:
    guarded, ended = Guarded(wait_s=0.001), asyncio.Event()

    async def hang() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    await guarded.guard.call(hang)
    await guarded.guard.close()
    assert ended.is_set()


async def test_the_log_says_when_and_why_a_server_is_unavailable_and_when_it_is_back(caplog) -> None:
    now = [0.0]
    guard = Guard("here", 30.0, Breaker(BreakerLimits(2, 60.0, 1.0), lambda: now[0]), lambda outcome: None)
    for _ in range(4):
        await guard.call(refuse)
        now[0] += 1.0  # the last two calls are trials
    await guard.call(answer)
    assert [record.getMessage() for record in caplog.records] == [
        "Redis here is unavailable, reading rows from the bundle: ConnectionError: connection refused",
        "Redis here is available again",
    ]
