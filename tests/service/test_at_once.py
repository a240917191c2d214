from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.answer import Ask
from service.at_once import plain_ask
from service.http import make_app
from tests.service.conftest import URLS


@pytest.mark.parametrize(
    ("query", "ask"),
    [
        (b"url1=https%3A%2F%2Fa.example%2F", Ask("https://a.example/")),
        (b"url1=https://a.example/&k=3", Ask("https://a.example/", 3)),
        (b"k=30&url1=https://a.example/%C3%BC", Ask("https://a.example/ü", 30)),
    ],
)
def test_a_plain_query_is_read(query: bytes, ask: Ask) -> None:
    assert plain_ask(query) == ask


@pytest.mark.parametrize(
    "query",
    [
        b"", b"url1", b"k=3", b"url1=a&url1=b", b"url1=a&k=0", b"url1=a&k=31", b"url1=a&k=+3", b"url1=a&k=3.0",
        b"url1=a&k=\xd9\xa3", b"url1=a&k=%D9%A3", b"url1=a&explain=true", b"url1=a&other=1", b"url1=%ff", b"url1=a&",
    ],
)  # fmt: skip
def test_any_other_query_is_left_to_the_route(query: bytes) -> None:
    assert plain_ask(query) is None


@given(st.binary(max_size=60))
def test_no_query_is_an_error(query: bytes) -> None:
    plain_ask(query)


@pytest.fixture
async def client(make):
    small = make()
    transport = httpx.ASGITransport(make_app(small.gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        client.small = small
        yield client


async def test_a_kept_answer_is_the_one_that_the_route_gave(client) -> None:
    first, kept = [await client.get("/recommend", params={"url1": URLS[0]}) for _ in range(2)]
    own = ("request_id", "took_ms")
    assert {k: v for k, v in first.json().items() if k not in own} == {
        k: v for k, v in kept.json().items() if k not in own
    }
    for name in ("content-type", "etag", "cache-control"):
        assert kept.headers[name] == first.headers[name]
    assert kept.headers["x-request-id"] == kept.json()["request_id"]
    text = client.small.gateway.metrics.text().decode()
    assert 'onward_cache_total{result="hit"} 1.0' in text
    assert 'onward_requests_total{protocol="http",route="/recommend",status="200"} 2.0' in text


async def test_a_caller_that_has_the_kept_answer_is_told_so(client) -> None:
    first = await client.get("/recommend", params={"url1": URLS[0]})
    again = await client.get("/recommend", params={"url1": URLS[0]}, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


async def test_a_bad_url_gets_its_problem_whatever_is_kept(client) -> None:
    await client.get("/recommend", params={"url1": URLS[0]})
    assert (await client.get("/recommend", params={"url1": "nowhere"})).status_code == 422


async def test_what_the_gate_would_refuse_is_refused_before_any_route(make) -> None:
    small = make("overload.running=1", "budget_ms=1000")
    small.coclick.gate = asyncio.Event()
    transport = httpx.ASGITransport(make_app(small.gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        small.recommender._gate._pace.took(10.0)  # seconds: whoever waits would be late
        running = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
        await small.coclick.called.wait()
        joined = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
        refused = await client.get("/recommend", params={"url1": URLS[1]})
        small.coclick.gate.set()
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
        assert refused.json()["type"] == "urn:onward:problem:overloaded"
        assert [(await task).status_code for task in (running, joined)] == [200, 200]
    assert 'onward_refused_total{reason="overloaded"} 1.0' in small.gateway.metrics.text().decode()
