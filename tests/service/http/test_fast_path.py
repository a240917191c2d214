from __future__ import annotations

import asyncio

import httpx
import pytest

from service.answers.answer import Answer
from service.answers.asked import Asked
from service.answers.request import Request
from service.http.app import make_app
from tests.service.conftest import URLS
from tests.service.http.problem_body import problem

BY_ROUTE = {"if-none-match": '"another"'}  # only the route reads this header


@pytest.mark.parametrize(
    "query",
    [
        b"", b"k=3", b"url1=a&k=0", b"url1=a&k=31", b"url1=a&k=\xd9\xa3", b"url1=a&explain=true",
        b"url1=a&explain=perhaps", b"url1=a&k=",
    ],
)  # fmt: skip
async def test_requests_that_only_the_route_can_answer_are_left_to_it(client, query: bytes) -> None:
    called = []
    client.small.recommender.cached_answer = called.append
    await client.get(f"/recommend?{query.decode('latin-1')}")
    assert called == []


@pytest.mark.parametrize(
    "query", ["url1={}", "url1={}&k=3", "k=+3&url1={}", "url1=x&url1={}", "url1={}&k=31&k=3", "url1={}&explain=false"]
)
async def test_a_query_is_read_as_the_route_reads_it(client, query: str) -> None:
    asked = []

    async def recommend(request: Request) -> Answer:
        asked.append(request)
        return await answer(request)

    answer = client.small.recommender.recommend
    client.small.recommender.cached_answer, client.small.recommender.recommend = nothing, recommend
    for headers in ({}, BY_ROUTE):
        assert (await client.get(f"/recommend?{query.format(URLS[0])}", headers=headers)).status_code == 200
    assert asked[0] == asked[1]


def nothing(read: Asked) -> None:
    """Stand for a cache that has no answer."""


async def test_a_computed_answer_equals_the_one_of_the_route(client) -> None:
    client.small.recommender.cached_answer = nothing
    plain, routed = [
        await client.get("/recommend", params={"url1": URLS[0]}, headers=headers) for headers in ({}, BY_ROUTE)
    ]
    own = ("served_by", "request_id", "took_ms")
    one, other = ({k: v for k, v in each.json().items() if k not in own} for each in (plain, routed))
    assert one == other and one["recommendations"]
    assert {*plain.headers} == {*routed.headers}
    assert plain.headers["x-request-id"] == plain.json()["request_id"]


async def test_a_bug_in_a_computation_is_a_problem(client) -> None:
    async def broken(request: Request) -> Answer:
        raise RuntimeError("broken")

    client.small.recommender.cached_answer, client.small.recommender.recommend = nothing, broken
    problem(await client.get("/recommend", params={"url1": URLS[0]}), 500)


@pytest.fixture
async def client(make):
    small = make()
    transport = httpx.ASGITransport(make_app(small.gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        client.small = small
        yield client


async def test_a_cached_answer_equals_the_one_of_the_route(client) -> None:
    first, kept = [await client.get("/recommend", params={"url1": URLS[0]}) for _ in range(2)]
    own = ("served_by", "request_id", "took_ms")
    assert {k: v for k, v in first.json().items() if k not in own} == {
        k: v for k, v in kept.json().items() if k not in own
    }
    for name in ("content-type", "etag", "cache-control"):
        assert kept.headers[name] == first.headers[name]
    assert kept.headers["x-request-id"] == kept.json()["request_id"]
    text = client.small.gateway.metrics.text().decode()
    assert 'onward_cache_total{result="hit"} 1.0' in text
    assert 'onward_requests_total{protocol="http",route="/recommend",status="200"} 2.0' in text


async def test_a_caller_that_has_the_answer_gets_304(client) -> None:
    first = await client.get("/recommend", params={"url1": URLS[0]})
    again = await client.get("/recommend", params={"url1": URLS[0]}, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


async def test_an_invalid_url_gets_its_problem_whatever_is_cached(client) -> None:
    await client.get("/recommend", params={"url1": URLS[0]})
    assert (await client.get("/recommend", params={"url1": "nowhere"})).status_code == 422


async def test_overload_is_refused_on_the_fast_path(make) -> None:
    small = make("overload.running=1", "budget_ms=1000")
    small.coclick.gate = asyncio.Event()
    transport = httpx.ASGITransport(make_app(small.gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        small.recommender._limit._latency.observe(10.0)  # seconds: whoever waits would be late
        running = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
        await small.coclick.called.wait()
        joined = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
        refused = await client.get("/recommend", params={"url1": URLS[1]})
        small.coclick.gate.set()
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
        assert refused.json()["type"] == "urn:onward:problem:overloaded"
        assert [(await task).status_code for task in (running, joined)] == [200, 200]
    assert 'onward_refused_total{reason="overloaded"} 1.0' in small.gateway.metrics.text().decode()
