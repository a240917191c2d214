from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, urlsplit

import pytest

from service.http.direct import DirectAnswers
from tests.service.conftest import URLS

ASK = b"GET /recommend?url1=%b HTTP/1.1\r\nHost: a\r\n" % quote(URLS[0], safe="").encode()
OWN = re.compile(rb"(?i)(x-request-id: |date: |request_id\":\"|took_ms\":)[\w .:,-]+")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that may be answered directly, whether it was."""
    seen: list[bool] = []
    response = DirectAnswers.response

    def noted(self: DirectAnswers, *request: object) -> bytes | None:
        found = response(self, *request)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(DirectAnswers, "response", noted)
    return seen


async def raw(http: str, *requests: bytes) -> bytes:
    """Return the responses to some requests; one for which the server closes the connection comes last."""
    reader, writer = await asyncio.open_connection(urlsplit(http).hostname, urlsplit(http).port)
    writer.write(b"".join(requests) + b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answered = await reader.read()
    writer.close()
    return answered.removesuffix(answered[answered.rindex(b"HTTP/1.1 200") :]) or answered


async def test_the_response_is_that_of_the_application(make, served, taken) -> None:
    async with served(make().gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        direct = await raw(server.http, ASK + b"X-Request-Id: mine\r\n\r\n")
        through = await raw(server.http, ASK + b"X-Request-Id: mine\r\nExpect: nothing\r\n\r\n")
    assert taken == [False, True, False]
    assert direct.count(b"mine") == 2
    assert OWN.sub(rb"\1", direct) == OWN.sub(rb"\1", through)


@pytest.mark.parametrize(
    "request_",
    [
        ASK + b"If-None-Match: *\r\n\r\n", ASK + b"Content-Length: 0\r\n\r\n", ASK + b"X: " + b"x" * 1200 + b"\r\n\r\n",
        ASK.replace(b"1.1", b"1.0") + b"\r\n", ASK.replace(b"GET", b"HEAD") + b"\r\n",
        ASK.replace(b" HTTP", b"#part HTTP") + b"\r\n", ASK.replace(b" HTTP", b"&explain=true HTTP") + b"\r\n",
    ],
)  # fmt: skip
async def test_other_requests_go_through_the_application(make, served, taken, request_: bytes) -> None:
    async with served(make().gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        await raw(server.http, request_)
    assert not any(taken)


async def test_pipelined_requests_are_answered_in_order(make, served, taken) -> None:
    ids = [b"X-Request-Id: number%d\r\n\r\n" % number for number in range(20)]
    other = ASK.replace(quote(URLS[0], safe="").encode(), quote(URLS[1], safe="").encode())
    async with served(make().gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        answered = await raw(server.http, *((other if n == 5 else ASK) + ids[n] for n in range(20)))
    assert re.findall(rb"x-request-id: (\w+)", answered) == [b"number%d" % number for number in range(20)]
    assert taken[1:6] == [True] * 5


async def test_a_burst_of_pipelined_requests_is_answered_directly_in_part_and_in_order(make, served, taken) -> None:
    ids = [b"X-Request-Id: number%d\r\n\r\n" % number for number in range(100)]
    async with served(make().gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        answered = await raw(server.http, *(ASK + identity for identity in ids))
    assert re.findall(rb"x-request-id: (\w+)", answered) == [b"number%d" % number for number in range(100)]
    assert sum(taken) < 100


async def test_direct_answers_are_counted(make, served) -> None:
    small = make()
    async with served(small.gateway) as server:
        await raw(server.http, *[ASK + b"\r\n"] * 3)
        text = small.gateway.metrics.text().decode()
    assert 'onward_requests_total{protocol="http",route="/recommend",status="200"} 3.0' in text
    assert 'onward_cache_total{result="hit"} 2.0' in text
    assert 'onward_request_seconds_count{protocol="http",route="/recommend"} 3.0' in text


async def test_a_draining_gateway_closes_connections(make, served, taken) -> None:
    small = make()
    async with served(small.gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        small.gateway.drain()
        assert b"connection: close" in await raw(server.http, ASK + b"\r\n")
    assert not any(taken)


async def test_a_bug_here_is_left_to_the_application(make, served, monkeypatch, caplog) -> None:
    async with served(make().gateway) as server:
        await raw(server.http, ASK + b"\r\n")
        monkeypatch.setattr("service.http.direct.request_id", None)
        assert (await raw(server.http, ASK + b"\r\n")).startswith(b"HTTP/1.1 200")
    assert "could not be sent directly" in caplog.text
