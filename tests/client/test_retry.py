"""When a call is sent again, or twice: exactly, without a gateway."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest
from client_gateway import url_of
from onward_client import AsyncOnward, InvalidRequest, OnwardError, Retry, TooManyRequests, Unavailable
from onward_client.http import _retry_after
from onward_client.retry import hedged


class Fails:
    """Fails with these errors, one after another, then answers."""

    def __init__(self, *errors: OnwardError) -> None:
        self.errors, self.at = list(errors), []

    async def __call__(self) -> str:
        self.at.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_what_is_transient_is_sent_again() -> None:
    call = Fails(Unavailable("away"), Unavailable("away"))
    assert await Retry(attempts=3, first_s=0.001)(call, within_s=5) == "answer"
    assert len(call.at) == 3


@pytest.mark.parametrize("error", [InvalidRequest("k"), TooManyRequests("a batch larger than the limit")])
async def test_what_would_fail_again_is_not(error) -> None:
    call = Fails(error)
    with pytest.raises(type(error)):
        await Retry()(call, within_s=5)
    assert len(call.at) == 1


async def test_the_gateway_says_when() -> None:
    call = Fails(TooManyRequests("overloaded", retry_after=0.2))
    await Retry(first_s=0.001, most_s=0.001)(call, within_s=5)
    assert 0.2 <= call.at[1] - call.at[0] < 4


async def test_a_retry_after_the_deadline_is_not_waited_for() -> None:
    call, started = Fails(TooManyRequests("rate-limited", retry_after=30)), time.monotonic()
    with pytest.raises(TooManyRequests):
        await Retry()(call, within_s=5)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_s": 0}, {"first_s": 2, "most_s": 1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert _retry_after("3") == 3
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _retry_after("soon") is None
    assert _retry_after(None) is None


async def test_the_first_answer_wins_and_the_other_call_is_cancelled() -> None:
    cancelled, calls = asyncio.Event(), 0

    async def attempt() -> int:
        nonlocal calls
        calls += 1
        if (number := calls) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return number

    assert await hedged(attempt, 0.01) == 2
    assert cancelled.is_set()


async def test_a_fast_answer_is_asked_for_once() -> None:
    call = Fails()
    assert await hedged(call, 5) == "answer"
    assert len(call.at) == 1


async def test_a_fast_error_is_not_hedged() -> None:
    call = Fails(Unavailable("away"))
    with pytest.raises(Unavailable):
        await hedged(call, 5)
    assert len(call.at) == 1


def let_the_second_through(listening: socket.socket, to: tuple[str, int]) -> None:
    """Take a connection and never answer it; join the next one with `to`."""
    with listening.accept()[0], listening.accept()[0] as caller, socket.create_connection(to) as replica:
        threading.Thread(target=pump, args=(caller, replica)).start()
        pump(replica, caller)


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


async def test_a_replica_that_hangs_costs_no_more_than_the_hedge(running, tiny) -> None:
    host, _, port = running.http.removeprefix("http://").rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay = threading.Thread(target=let_the_second_through, args=(listening, (host, int(port))))
        relay.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with AsyncOnward(url, timeout=20, hedge_after=0.05) as client:
            assert (await client.recommend(tiny.urls[0])).recommendations
        await asyncio.to_thread(relay.join)


async def test_hedging_is_for_grpc_too(running, tiny) -> None:
    async with AsyncOnward(url_of(running, "grpc"), timeout=20, hedge_after=0.0001) as client:
        assert (await client.recommend(tiny.urls[1])).recommendations
