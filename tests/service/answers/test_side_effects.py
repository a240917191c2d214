from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import grpc
import httpx
import pytest

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.asked import asked
from service.answers.batch import recommend_each
from service.answers.ranked_list import RankedList
from service.answers.request import Request
from service.http.app import make_app
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from tests.service.conftest import UNKNOWN, URLS

URL1 = URLS[0]


@dataclass
class Recorder:
    """Records what it is called with; it can be for some queries only, and it can fail."""

    name: str = "recorder"
    fails: bool = False
    disabled_for: str = ""
    computations: list[tuple[Query, RankedList, Trace]] = field(default_factory=list)
    answers: list[tuple[Query, Answer, Request]] = field(default_factory=list)

    def enabled(self, query: Query) -> bool:
        return query.url != self.disabled_for

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        self.computations.append((query, ranked, trace))
        if self.fails:
            raise OSError("the disk is full")

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        self.answers.append((query, answer, request))
        if self.fails:
            raise OSError("the disk is full")


async def test_effects_get_what_was_asked_computed_and_answered(make) -> None:
    recorder = Recorder()
    request = Request(URL1, k=3)
    answer = await make(effects=[recorder]).recommender.recommend(request)
    ((query, ranked, trace),) = recorder.computations
    assert (query.url, ranked.url1) == (URL1, URL1)
    assert "recall:coclick" in trace.ms
    ((query, answered, asked),) = recorder.answers
    assert query.url == URL1
    assert answered is answer
    assert asked is request


async def test_a_cached_answer_runs_answer_effects_and_no_computation_effects(make) -> None:
    recorder = Recorder()
    recommender = make(effects=[recorder]).recommender
    for _ in range(2):
        await recommender.recommend(Request(URL1))
    assert recommender.cached_answer(asked(Request(URL1), recommender.live.bundle)) is not None
    assert (len(recorder.computations), len(recorder.answers)) == (1, 3)


async def test_an_answer_that_is_not_cached_runs_no_effects_on_the_fast_path(make) -> None:
    recorder = Recorder()
    recommender = make(effects=[recorder]).recommender
    assert recommender.cached_answer(asked(Request(URL1), recommender.live.bundle)) is None
    assert recorder.answers == []


async def test_a_bad_url_runs_no_effects(make) -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="url1"):
        await make(effects=[recorder]).recommender.recommend(Request("nowhere"))
    assert (recorder.computations, recorder.answers) == ([], [])


async def test_an_explained_answer_runs_both_and_its_list_is_not_reusable(make) -> None:
    recorder = Recorder()
    answer = await make(effects=[recorder]).recommender.recommend(Request(URL1, explain=True))
    ((_, ranked, trace),) = recorder.computations
    assert trace.explain
    assert not ranked.reusable
    assert [each for _, each, _ in recorder.answers] == [answer]


async def test_an_effect_runs_only_for_the_queries_it_is_enabled_for(make) -> None:
    recorder = Recorder(disabled_for=URL1)
    recommender = make(effects=[recorder]).recommender
    await recommender.recommend(Request(URL1))
    assert (recorder.computations, recorder.answers) == ([], [])
    await recommender.recommend(Request(URLS[1]))
    assert (len(recorder.computations), len(recorder.answers)) == (1, 1)


async def test_a_failing_effect_costs_no_answer_and_stops_no_other_effect(make) -> None:
    later = Recorder("later")
    small = make(effects=[Recorder(fails=True), later])
    answer = await small.recommender.recommend(Request(URL1))
    assert len(answer.recommendations) == 5
    assert answer.degraded == ()
    assert (len(later.computations), len(later.answers)) == (1, 1)


async def test_a_failing_effect_is_counted_each_time_and_logged_once(make, caplog: pytest.LogCaptureFixture) -> None:
    small = make(effects=[Recorder(fails=True)])
    for _ in range(3):
        await small.recommender.recommend(Request(URL1))
    assert 'onward_side_effect_failed_total{name="recorder"} 4.0' in small.gateway.metrics.text().decode()
    assert caplog.text.count("side effect recorder failed") == 1
    assert "the disk is full" in caplog.text


async def test_http_runs_answer_effects_on_both_paths(make) -> None:
    recorder = Recorder()
    transport = httpx.ASGITransport(make_app(make(effects=[recorder]).gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        await client.get("/recommend", params={"url1": URL1})
        await client.get("/recommend", params={"url1": URL1})
        await client.post("/recommend", json={"url1": URL1, "k": 2})
        await client.post("/recommend/batch", json={"requests": [{"url1": URL1}, {"url1": URLS[1]}]})
    assert [(query.url, request.k) for query, _, request in recorder.answers] == [
        (URL1, 5), (URL1, 5), (URL1, 2), (URL1, 5), (URLS[1], 5),
    ]  # fmt: skip
    assert len(recorder.computations) == 2


async def test_grpc_runs_answer_effects(make, served) -> None:
    recorder = Recorder()
    async with served(make(effects=[recorder]).gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        await stub.Recommend(pb.RecommendRequest(url1=URL1))
        await stub.RecommendBatch(pb.RecommendBatchRequest(requests=[pb.RecommendRequest(url1=URL1, k=2)]))
    assert [request.k for _, _, request in recorder.answers] == [5, 2]


async def test_a_batch_runs_answer_effects_for_each_answer(make) -> None:
    recorder = Recorder()
    recommender = make(effects=[recorder]).recommender
    await recommend_each(recommender, [Request(URL1), Request("nowhere"), Request(URL1)], 2)
    assert len(recorder.answers) == 2


async def test_shown_pages_are_counted_for_cached_answers_too(make) -> None:
    small = make()
    for _ in range(2):
        answer = await small.recommender.recommend(Request(URL1, k=3))
    found = Counter(path.path for page in answer.recommendations for path in page.recalled_by)
    text = small.gateway.metrics.text().decode()
    for path, pages in found.items():
        assert f'onward_recommendations_total{{path="{path}"}} {2.0 * pages}' in text


async def test_each_degraded_answer_is_counted(make) -> None:
    small = make()
    for _ in range(3):
        await small.recommender.recommend(Request(UNKNOWN))
    assert 'onward_degraded_total{reason="unknown_page"} 3.0' in small.gateway.metrics.text().decode()
