from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass

import grpc
import httpx
import pytest

from service.metrics import Metrics
from service.overload import Gate, GradientLimit
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.refusal import Overloaded
from service.settings import OverloadSettings

URLS = [f"https://site{i % 3}.example/page/{i}" for i in range(12)]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """A machine that computes `servers` answers at a time, `seconds` each; the others wait in its own queue."""

    def __init__(self, limit: GradientLimit, clock: Clock, servers: int, seconds: float) -> None:
        self.limit, self.clock, self.servers, self.seconds = limit, clock, servers, seconds
        self.free = [0.0] * servers
        self.under_way: list[tuple[float, int, object]] = []
        self.done = self.refused = 0

    def arrive(self, at: float, number: int) -> None:
        while self.under_way and self.under_way[0][0] <= at:
            self._finish()
        self.clock.now = at
        if self.limit.running >= self.limit.limit:
            self.refused += 1
            return
        began = self.limit.begin()
        start = max(at, heapq.heappop(self.free))
        heapq.heappush(self.free, start + self.seconds)
        heapq.heappush(self.under_way, (start + self.seconds, number, began))

    def run(self, rate: float, seconds: float) -> None:
        start = self.clock.now
        self.done = self.refused = 0
        for number in range(int(rate * seconds)):
            self.arrive(start + number / rate, number)

    def _finish(self) -> None:
        self.clock.now, _, began = heapq.heappop(self.under_way)
        self.limit.end(began)
        self.done += 1


def machine(servers: int, seconds: float, budget_s: float = 0.5) -> Machine:
    clock = Clock()
    return Machine(GradientLimit(256, budget_s, 30.0, clock), clock, servers, seconds)


@pytest.mark.parametrize("servers", [1, 4, 32])
def test_a_flood_is_answered_at_full_capacity_and_in_good_time(servers) -> None:
    made = machine(servers, 0.05)
    capacity = servers / 0.05
    made.run(capacity * 0.3, 20)
    made.run(capacity * 10, 60)
    assert made.done > 0.95 * capacity * 60
    assert made.limit.typical_s < 0.25


def test_a_load_that_fits_is_never_refused() -> None:
    made = machine(4, 0.05)
    made.run(10, 10)
    made.run(60, 60)
    assert made.refused < 0.01 * 60 * 60  # while it probes; the gate lets them wait


def test_a_part_that_hangs_is_not_taken_for_overload() -> None:
    made = machine(64, 0.05)
    made.run(10, 10)
    made.seconds = 0.45  # every answer now waits for a part's time limit, whatever the load
    made.run(100, 10)
    made.run(100, 20)
    assert made.refused < 0.05 * 100 * 20


def test_under_a_steady_flood_the_lone_time_is_measured_anew() -> None:
    made = machine(1, 0.02)
    made.run(10, 10)
    made.seconds = 0.06  # another bundle, with a larger model
    made.run(200, 120)
    made.run(200, 60)
    assert made.done > 0.95 * 60 / 0.06


def test_an_answer_that_nobody_waits_for_tells_nothing() -> None:
    limit = GradientLimit(256, 0.5, 30.0, clock := Clock())
    for _ in range(100):
        began = limit.begin()
        clock.now += 10
        limit.end(began, told=False)
    assert (limit.limit, limit.running) == (8, 0)


def gate(most: int = 1) -> Gate:
    return Gate(OverloadSettings(most=most), 0.5, Metrics())


async def test_who_waits_is_let_in_in_turn_and_a_third_is_refused_at_once() -> None:
    made = gate()
    first, second = made.enter(0.5), made.enter(0.5)
    with pytest.raises(Overloaded):
        made.enter(0.5)
    waiting = asyncio.create_task(second.turn())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.close()
    await waiting
    second.close()
    second.close()
    assert made.limit.running == 0


async def test_who_goes_while_waiting_leaves_no_trace() -> None:
    made = gate()
    first, second = made.enter(0.5), made.enter(0.5)
    second.close()
    third = made.enter(0.5)
    first.close()
    await third.turn()
    third.close()
    assert made.limit.running == 0


async def test_who_would_be_late_is_refused_before_waiting() -> None:
    made = gate(most=4)
    for _ in range(20):
        began = made.limit.begin()
        made.limit._clock = lambda: began[0] + 0.4  # noqa: B023
        made.limit.end(began)
        made.limit._clock = lambda: began[0]  # noqa: B023
    held = [made.enter(0.5) for _ in range(made.limit.limit)]
    with pytest.raises(Overloaded):
        made.enter(0.5)
    assert made.enter(5.0)
    assert held


async def seen(small, text: str) -> None:
    """Wait until the metrics hold a text."""
    while text not in small.gateway.metrics.text().decode():  # noqa: ASYNC110 -- metrics have no event
        await asyncio.sleep(0.001)


@pytest.fixture
async def busy(make, served):
    """A gateway that computes one answer, which hangs, with another waiting."""
    small = make("overload.most=1")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http, timeout=30) as client:
        hanging = [asyncio.create_task(client.get("/recommend", params={"url1": url})) for url in URLS[:2]]
        await seen(small, "onward_waiting 1.0")
        yield small, server, client
        small.coclick.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*hanging)] == [200, 200]


async def test_beyond_the_limit_http_answers_429_with_a_hint(busy) -> None:
    small, _, client = busy
    refused = await client.get("/recommend", params={"url1": URLS[2]})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["type"] == "urn:onward:problem:overloaded"
    explained = await client.get("/recommend", params={"url1": URLS[0], "explain": "true"})
    assert explained.status_code == 429
    assert 'onward_refused_total{reason="overloaded"} 2.0' in small.gateway.metrics.text().decode()


async def test_who_joins_an_answer_under_way_needs_no_permit(busy) -> None:
    small, _, client = busy
    joining = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
    await seen(small, 'result="joined"')
    small.coclick.gate.set()
    assert (await joining).status_code == 200


async def test_beyond_the_limit_grpc_answers_resource_exhausted_with_a_hint(busy) -> None:
    _, server, _ = busy
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URLS[2]))
        batch = pb.RecommendBatchRequest(requests=[pb.RecommendRequest(url1=URLS[2])])
        (part,) = (await RecommenderStub(channel).RecommendBatch(batch)).results
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("grpc-retry-pushback-ms", "1000") in [tuple(pair) for pair in caught.value.trailing_metadata()]
    assert part.problem.status == 429


async def test_a_refused_part_of_a_batch_gets_its_own_problem(busy) -> None:
    _, _, client = busy
    asked = {"requests": [{"url1": URLS[2]}, {"url1": "nonsense"}]}
    results = (await client.post("/recommend/batch", json=asked)).json()["results"]
    assert [result["problem"]["status"] for result in results] == [429, 422]


@pytest.mark.parametrize("most", [1, 2, 256])
async def test_a_batch_on_an_idle_gateway_is_answered_whole(make, served, most) -> None:
    asked = {"requests": [{"url1": url, "k": k} for url in URLS for k in range(1, 9)]}
    async with (
        served(make(f"overload.most={most}").gateway) as server,
        httpx.AsyncClient(base_url=server.http, timeout=60) as client,
    ):
        results = (await client.post("/recommend/batch", json=asked)).json()["results"]
    assert all("answer" in result for result in results)
    assert [len(result["answer"]["recommendations"]) for result in results[:8]] == list(range(1, 9))


async def test_a_stale_answer_is_served_though_its_refresh_is_refused(make) -> None:
    small = make("overload.most=1", "cache.ttl_s=1e-9")
    from service.answer import Ask

    recommender = small.recommender
    whole = await recommender.recommend(Ask(URLS[0]))
    small.coclick.gate = asyncio.Event()
    hanging = [asyncio.create_task(recommender.recommend(Ask(url))) for url in URLS[1:3]]
    await asyncio.sleep(0)
    assert await recommender.recommend(Ask(URLS[0])) == whole
    small.coclick.gate.set()
    await asyncio.gather(*hanging)
