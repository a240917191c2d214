from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import grpc
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from service.admission.overload import ConcurrencyLimit
from service.admission.refusal import Overloaded
from service.answers.request import Request
from service.metrics import Metrics
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.settings import OverloadSettings

URLS = [f"https://site{i % 3}.example/page/{i}" for i in range(12)]
BUDGET_S = 0.1


def limit_of(slots: int = 1, waiting: int = 256) -> ConcurrencyLimit:
    """A limit on the clock of the running loop."""
    chosen = OverloadSettings(running=slots, waiting=waiting)
    return ConcurrencyLimit(chosen, BUDGET_S, Metrics(), asyncio.get_running_loop().time)


@dataclass
class Load:
    """Callers; each computation holds a slot for `seconds`."""

    limit: ConcurrencyLimit
    seconds: float = 0.01
    ends: list[tuple[str, float, float]] = field(default_factory=list)  # how each ended: when, and after how long
    most_running: int = 0
    most_waiting: int = 0

    async def ask(self, budget_s: float = BUDGET_S, kind: str = "") -> None:
        clock = asyncio.get_running_loop().time
        began, end, permit = clock(), "refused", None
        try:
            permit = self.limit.admit(budget_s)
            self.most_waiting = max(self.most_waiting, len(self.limit.queue))
            await self.limit.wait_for_slot(permit)
            self.most_running = max(self.most_running, self.limit.running)
            await asyncio.sleep(self.seconds)
            end = "answered"
        except Overloaded:
            pass
        finally:
            if permit is not None:
                self.limit.finish(permit, learn=end == "answered")
        self.ends.append((f"{kind}{end}", clock(), clock() - began))

    async def flood(self, rate: float, seconds: float, budget_s: float = BUDGET_S, kind: str = "") -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(int(rate * seconds)):
                tasks.create_task(self.ask(budget_s, kind))
                await asyncio.sleep(1 / rate)

    def times(self, end: str) -> list[float]:
        return [seconds for how, _, seconds in self.ends if how == end]

    def counts(self) -> Counter[str]:
        return Counter(how for how, _, _ in self.ends)


def test_under_overload_all_slots_are_used_and_other_requests_are_refused_at_once() -> None:
    async def main() -> Load:
        load = Load(limit_of(4))
        await load.flood(10 * 4 / load.seconds, 5)
        return load

    load = run(main())
    assert load.counts()["answered"] > 0.98 * 5 * 4 / load.seconds
    assert max(load.times("answered")) <= BUDGET_S
    assert load.most_running == 4
    late = [seconds for seconds in load.times("refused") if seconds > 0]
    assert len(late) < 0.01 * len(load.ends)


def test_a_load_below_capacity_is_never_refused() -> None:
    async def main() -> Load:
        load = Load(limit_of(2))
        await load.flood(0.9 * 2 / load.seconds, 10)
        return load

    assert set(run(main()).counts()) == {"answered"}


def test_throughput_recovers_after_a_stall() -> None:
    async def main() -> Counter[str]:
        load = Load(limit_of(2), seconds=5.0)
        for _ in range(5):
            await load.ask()  # alone, on a machine that stalls
        load.seconds = 0.01
        load.ends.clear()
        await load.flood(1_000, 1)
        load.ends.clear()
        await load.flood(1_000, 1)
        assert load.most_running <= 2
        return load.counts()

    assert run(main())["answered"] > 0.95 * 2 / 0.01


def test_long_budgets_get_no_more_slots_than_the_default() -> None:
    async def main() -> Counter[str]:
        load = Load(limit_of(2))
        await asyncio.gather(load.flood(400, 10, 5.0, "patient "), load.flood(400, 10, BUDGET_S, "usual "))
        return load.counts()

    counts = run(main())
    assert counts["usual answered"] == pytest.approx(counts["patient answered"], rel=0.1)


def test_the_nearest_deadline_comes_first_and_late_permits_are_refused() -> None:
    async def main() -> tuple[list[int], list[tuple[str, float, float]]]:
        load, order = Load(limit_of(1), seconds=0.03), []

        async def ask(number: int, budget_s: float) -> None:
            await load.ask(budget_s)
            order.append(number)

        for _ in range(40):
            await load.ask()
        load.ends.clear()
        async with asyncio.TaskGroup() as tasks:
            for number, budget_s in enumerate((0.1, 0.1, 0.08, 0.095)):
                tasks.create_task(ask(number, budget_s))
        return order, load.ends

    order, ends = run(main())
    assert order == [0, 2, 1, 3]
    assert [how for how, _, _ in ends] == ["answered", "answered", "refused", "answered"]
    assert [seconds for _, _, seconds in ends] == pytest.approx([0.03, 0.06, 0.07, 0.09], abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    callers=st.lists(
        st.tuples(st.floats(0, 0.05), st.floats(0.001, 5), st.floats(0, 0.3), st.booleans()), min_size=1, max_size=60
    ),
    slots=st.integers(1, 4),
    waiting=st.integers(0, 5),
)
def test_the_limits_hold_and_every_slot_is_freed_for_any_load(callers, slots: int, waiting: int) -> None:
    async def main() -> None:
        load = Load(limit_of(slots, waiting))
        tasks = []

        async def ask(budget_s: float, seconds: float) -> None:
            load.seconds = seconds
            await load.ask(budget_s)

        for pause_s, budget_s, seconds, goes in callers:
            tasks.append(asyncio.create_task(ask(budget_s, seconds)))
            await asyncio.sleep(pause_s)
            if goes:
                tasks[len(tasks) // 2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert load.most_running <= slots and load.most_waiting <= waiting
        assert max(load.times("refused"), default=0) <= BUDGET_S + 1e-9
        assert (load.limit.running, load.limit.queue) == (0, [])

    run(main())


def test_a_computation_that_reaches_its_optional_part_frees_its_slot_for_the_next_one() -> None:
    async def main() -> None:
        limit = limit_of()
        first, second, third = (limit.admit(BUDGET_S) for _ in range(3))
        limit.free_slot(first)
        limit.free_slot(first)
        await limit.wait_for_slot(second)
        assert (limit.running, limit.queue) == (1, [third])
        limit.finish(first)
        assert (limit.running, limit.queue) == (1, [third])
        limit.finish(second)
        await limit.wait_for_slot(third)
        limit.finish(third)
        limit.finish(third)
        assert limit.running == 0

    run(main())


def test_a_permit_that_is_finished_while_waiting_leaves_the_queue() -> None:
    async def main() -> None:
        limit = limit_of()
        first, second, third = (limit.admit(BUDGET_S) for _ in range(3))
        limit.finish(second)
        limit.finish(first)
        await limit.wait_for_slot(third)
        limit.finish(third)
        assert (limit.running, limit.queue) == (0, [])

    run(main())


def test_failed_and_cancelled_computations_do_not_change_the_expected_time() -> None:
    async def main() -> None:
        limit = limit_of()
        for _ in range(100):
            permit = limit.admit(BUDGET_S)
            await asyncio.sleep(10)
            limit.finish(permit, learn=False)
        held = limit.admit(BUDGET_S)
        assert limit.admit(BUDGET_S).turn is not None  # it is expected to be in time
        limit.finish(held)

    run(main())


def test_time_spent_on_optional_parts_does_not_change_the_expected_time() -> None:
    async def main() -> None:
        limit = limit_of()
        for _ in range(10):
            permit = limit.admit(BUDGET_S)
            await asyncio.sleep(1.0)
            permit.spare_s = 0.99
            limit.finish(permit)
        limit.admit(BUDGET_S)
        limit.check(BUDGET_S)

    run(main())


async def seen(small, text: str) -> None:
    """Wait until the metrics hold a text."""
    while text not in small.gateway.metrics.text().decode():  # noqa: ASYNC110 -- metrics have no event
        await asyncio.sleep(0.001)


@pytest.fixture
async def busy(make, served):
    """A gateway that computes one answer, which hangs, with another waiting."""
    small = make("overload.running=1", "overload.waiting=1", "budget_ms=20000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http, timeout=30) as client:
        hanging = [asyncio.create_task(client.get("/recommend", params={"url1": url})) for url in URLS[:2]]
        await seen(small, "onward_waiting 1.0")
        yield small, server, client
        small.coclick.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*hanging)] == [200, 200]


async def test_under_overload_http_responds_429_with_retry_after(busy) -> None:
    small, _, client = busy
    refused = await client.get("/recommend", params={"url1": URLS[2]})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["type"] == "urn:onward:problem:overloaded"
    explained = await client.get("/recommend", params={"url1": URLS[0], "explain": "true"})
    assert explained.status_code == 429
    assert 'onward_refused_total{reason="overloaded"} 2.0' in small.gateway.metrics.text().decode()


async def test_joining_a_computation_in_flight_needs_no_permit(busy) -> None:
    small, _, client = busy
    joining = asyncio.create_task(client.get("/recommend", params={"url1": URLS[0]}))
    await seen(small, 'result="joined"')
    small.coclick.gate.set()
    assert (await joining).status_code == 200


async def test_under_overload_grpc_responds_resource_exhausted_with_a_retry_delay(busy) -> None:
    _, server, _ = busy
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URLS[2]))
        batch = pb.RecommendBatchRequest(requests=[pb.RecommendRequest(url1=URLS[2])])
        (part,) = (await RecommenderStub(channel).RecommendBatch(batch)).results
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("grpc-retry-pushback-ms", "1000") in [tuple(pair) for pair in caught.value.trailing_metadata()]
    assert part.problem.status == 429


async def test_a_refused_request_of_a_batch_gets_its_own_problem(busy) -> None:
    _, _, client = busy
    asked = {"requests": [{"url1": URLS[2]}, {"url1": "nonsense"}]}
    results = (await client.post("/recommend/batch", json=asked)).json()["results"]
    assert [result["problem"]["status"] for result in results] == [429, 422]


@pytest.mark.parametrize(("running", "waiting"), [(1, 0), (2, 1), (0, 256)])
async def test_a_batch_on_an_idle_gateway_is_answered_completely(make, served, running, waiting) -> None:
    asked = {"requests": [{"url1": url, "k": k} for url in URLS for k in range(1, 9)]}
    async with (
        served(make(f"overload.running={running}", f"overload.waiting={waiting}").gateway) as server,
        httpx.AsyncClient(base_url=server.http, timeout=60) as client,
    ):
        results = (await client.post("/recommend/batch", json=asked)).json()["results"]
    assert all("answer" in result for result in results)
    assert [len(result["answer"]["recommendations"]) for result in results[:8]] == list(range(1, 9))


async def test_a_stale_answer_is_served_although_its_refresh_is_refused(make) -> None:
    small = make("overload.running=1", "overload.waiting=0", "cache.ttl_s=1e-9")
    recommender = small.recommender
    whole = await recommender.recommend(Request(URLS[0]))
    small.coclick.gate = asyncio.Event()
    small.coclick.called.clear()
    hanging = [asyncio.create_task(recommender.recommend(Request(url))) for url in URLS[1:2]]
    await small.coclick.called.wait()
    assert (await recommender.recommend(Request(URLS[0]))).body == whole.body
    small.coclick.gate.set()
    await asyncio.gather(*hanging)
