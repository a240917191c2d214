"""Answers by the reader's way, over HTTP and gRPC, on a bundle with a session network."""

from __future__ import annotations

import threading

import grpc
import httpx
import pytest
import pytest_asyncio

from ranking.session.score import SessionScorer
from service.bootstrap import load
from service.http.app import make_app
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.settings import read_settings
from tests.conftest import PATIENT, Tiny
from tests.service.with_session import NAME, add_session
from text_model.session import OnnxModel

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def bundles(tiny: Tiny, tmp_path_factory):
    bundles = tiny.link(tmp_path_factory.mktemp("histories") / "bundles")
    add_session(bundles)
    return bundles


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(bundles):
    gateway = load(bundles, read_settings(None, [*PATIENT, "swap.watch_s=0"], {}))
    yield gateway
    await gateway.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(gateway):
    transport = httpx.ASGITransport(make_app(gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        yield client


async def ask(client: httpx.AsyncClient, url1: str, **fields) -> dict:
    response = await client.post("/recommend", json={"url1": url1, **fields})
    return response.raise_for_status().json()


def shown(answer: dict) -> list[tuple[str, float]]:
    return [(page["url"], page["score"]) for page in answer["recommendations"]]


def plain(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name not in ("request_id", "took_ms", "served_by")}


async def test_the_way_orders_an_answer_and_is_kept_for_nobody_else(client, tiny) -> None:
    url1 = tiny.urls[0]
    before = await ask(client, url1)
    one = await ask(client, url1, history=[tiny.urls[7], tiny.urls[80]])
    other = await ask(client, url1, history=[tiny.urls[200]])
    assert (before["bundle"], len(shown(one))) == (NAME, 5)
    assert len({str(shown(answer)) for answer in (before, one, other)}) == 3
    assert one["served_by"] == "cache"  # the list is the page's, whoever asks
    assert plain(await ask(client, url1)) == plain(before)
    assert plain(await ask(client, url1, history=[tiny.urls[7], tiny.urls[80]])) == plain(one)


async def test_without_a_known_way_an_answer_is_what_it_was(client, tiny) -> None:
    url1 = tiny.urls[3]
    before = await ask(client, url1)
    for history in ([], ["https://elsewhere.example/new", "https://elsewhere.example/"]):
        assert plain(await ask(client, url1, history=history)) == plain(before)


async def test_a_way_has_any_spelling_and_may_hold_the_page_itself(client, tiny) -> None:
    url1, way = tiny.urls[0], tiny.urls[7]
    spelt = way.replace("https://", "HTTPS://") + "?utm_source=mail"
    assert shown(await ask(client, url1, history=[way])) == shown(await ask(client, url1, history=[spelt]))
    assert len(shown(await ask(client, url1, history=[url1]))) == 5


async def test_lambda_exclusions_and_the_way_work_together(client, tiny) -> None:
    url1, way = tiny.urls[0], [tiny.urls[7]]
    first = shown(await ask(client, url1, history=way))[0][0]
    fields = {"history": way, "exclude": [first], "quality_weight": 0.0}
    assert first not in dict(shown(await ask(client, url1, **fields)))
    by_quality = await ask(client, url1, history=way, quality_weight=1.0)
    assert shown(by_quality) == shown(await ask(client, url1, quality_weight=1.0))  # the way is about clicks


async def test_explain_shows_what_the_way_says_of_each_page(client, tiny) -> None:
    answer = await ask(client, tiny.urls[0], history=[tiny.urls[7]], explain=True)
    (stage,) = [record for record in answer["explain"]["stages"] if record["stage"] == "session"]
    assert all(candidate["columns"]["session"] is not None for candidate in stage["candidates"])
    weights = answer["explain"]["weights"]
    assert weights["answers"][0] != weights["answers"][-1]


@pytest.mark.parametrize(
    ("history", "field"),
    [
        (["https://a.example/"] * 21, "history"),
        (["https://a.example/"] * 10_000, "history"),
        (["https://a.example/", "nonsense"], "history[1]"),
        ("https://a.example/", "history"),
        ([None], "history[0]"),
    ],
)
async def test_a_bad_way_is_refused_with_its_field(client, tiny, history, field) -> None:
    refused = await client.post("/recommend", json={"url1": tiny.urls[0], "history": history})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_a_get_names_the_post_that_takes_a_way(client, tiny) -> None:
    refused = await client.get("/recommend", params={"url1": tiny.urls[0], "history": tiny.urls[1]})
    assert refused.status_code == 422
    assert "POST" in refused.json()["errors"][0]["fix"]


async def test_a_batch_of_ways_leaves_the_event_loop_free(client, gateway, tiny, monkeypatch) -> None:
    urls = tiny.urls[:20]
    for url1 in urls:
        await ask(client, url1)  # now their lists are cached, and only the ways are left to read
    threads, run = [], OnnxModel.run

    def noted(self: OnnxModel, inputs):
        threads.append(threading.current_thread())
        return run(self, inputs)

    monkeypatch.setattr(OnnxModel, "run", noted)
    requests = [{"url1": url1, "history": [tiny.urls[90], tiny.urls[91]]} for url1 in urls]
    response = await client.post("/recommend/batch", json={"requests": requests})
    answers = response.raise_for_status().json()["results"]
    assert {answer["answer"]["served_by"] for answer in answers} == {"cache"}
    assert len(threads) == len(urls) and threading.current_thread() not in threads


async def test_explain_reads_a_way_on_a_thread_too(client, tiny, monkeypatch) -> None:
    threads, scores = [], SessionScorer.scores

    def noted(self: SessionScorer, *rows):
        threads.append(threading.current_thread())
        return scores(self, *rows)

    monkeypatch.setattr(SessionScorer, "scores", noted)
    await ask(client, tiny.urls[1], history=[tiny.urls[93]], explain=True)
    assert len(threads) == 1 and threading.current_thread() not in threads


async def test_a_way_that_cannot_be_read_is_flagged_and_the_answer_is_the_page_s(client, tiny, monkeypatch) -> None:
    url1, way = tiny.urls[2], [tiny.urls[95]]
    before = await ask(client, url1)

    def broken(self: SessionScorer, *rows):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(SessionScorer, "scores", broken)
        answer = await ask(client, url1, history=way)
    assert (answer["degraded"], shown(answer)) == (["session:error"], shown(before))
    assert (await ask(client, url1, history=way))["degraded"] == []


async def test_grpc_takes_a_way_too(gateway, client, served, tiny) -> None:  # the last one: it closes the gateway
    url1, way = tiny.urls[0], [tiny.urls[7]]
    expected = [url for url, _ in shown(await ask(client, url1, history=way))]
    async with served(gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        answer = await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=url1, history=way))
    assert [page.url for page in answer.recommendations] == expected
