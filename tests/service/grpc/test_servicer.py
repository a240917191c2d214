from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import grpc
import httpx
import orjson
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.admission.authorize import Authorizer
from service.admission.refusal import DeadlineExceeded
from service.answers.answer import Answer
from service.answers.batch import recommend_each
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.grpc.generate_stubs import generate
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

ROOT = Path(__file__).resolve().parents[3]
URL1 = "https://site0.example/page/0"


@pytest.fixture
async def server(make, served):
    async with served(make().gateway) as server:
        yield server


@pytest.fixture
async def stub(server):
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        yield RecommenderStub(channel)


async def refused(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def plain(answer: pb.RecommendResponse) -> dict:
    """The response as the JSON answer would have it."""
    pages = []
    for page in answer.recommendations:
        numbers = {name: getattr(page, name) if page.HasField(name) else None for name in ("score", "click", "quality")}
        found = [{"path": each.path, "rank": each.rank} for each in page.recalled_by]
        pages.append({"url": page.url, "title": page.title, "snippet": page.snippet, **numbers, "recalled_by": found})
    return {
        "url1": answer.url1,
        "recommendations": pages,
        "degraded": list(answer.degraded),
        "bundle": answer.bundle,
        "request_id": answer.request_id,
        "served_by": answer.served_by,
        "took_ms": answer.took_ms,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"url1": URL1},
        {"url1": URL1, "k": 30},
        {"url1": "https://elsewhere.example/new", "title": "Heaps", "language": "en"},
        {"url1": URL1, "quality_weight": 0.0, "exclude": ["https://site1.example/page/1"]},
    ],
)
async def test_answers_are_those_of_http_field_by_field(server, stub, fields) -> None:
    async with httpx.AsyncClient(base_url=server.http) as client:
        over_http = (await client.post("/recommend", json=fields, headers={"x-request-id": "one"})).json()
    over_grpc = plain(await stub.Recommend(pb.RecommendRequest(**fields), metadata=[("x-request-id", "one")]))
    assert over_grpc.keys() == over_http.keys()
    assert (over_http["served_by"], over_grpc["served_by"]) == ("computed", "cache")
    own = {"took_ms": 0, "served_by": ""}
    assert over_grpc | own == over_http | own


async def test_explain_is_the_json_of_http(server, stub) -> None:
    answer = await stub.Recommend(pb.RecommendRequest(url1=URL1, explain=True))
    async with httpx.AsyncClient(base_url=server.http) as client:
        over_http = (await client.get("/recommend", params={"url1": URL1, "explain": True})).json()["explain"]
    over_grpc = orjson.loads(answer.explain)
    assert over_grpc["stages"] == over_http["stages"]
    assert over_grpc["ms"].keys() == over_http["ms"].keys()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "url1"),
        ({"url1": "javascript:alert(1)"}, "url1"),
        ({"url1": URL1, "k": 0}, "k"),
        ({"url1": URL1, "k": 31}, "k"),
        ({"url1": URL1, "quality_weight": float("nan")}, "quality_weight"),
        ({"url1": URL1, "budget_ms": -1.0}, "budget_ms"),
        ({"url1": URL1, "title": "a" * 501}, "title"),
        ({"url1": URL1, "exclude": ["a"] * 501}, "exclude"),
    ],
)
async def test_a_bad_field_is_an_invalid_argument_that_names_it(stub, fields, field) -> None:
    error = await refused(stub.Recommend(pb.RecommendRequest(**fields)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith(f"{field}: ")


async def test_bytes_that_are_not_a_message_are_an_invalid_argument(server) -> None:
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/onward.v1.Recommender/Recommend")
        for data in (b"\xff\xff\xff", b"\x0a\x03\xed\xa0\x80"):
            assert (await refused(call(data))).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_message_too_large_is_refused(stub) -> None:
    error = await refused(stub.Recommend(pb.RecommendRequest(url1=URL1, snippet="a" * 300_000)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_batch_gives_each_its_own_answer_or_problem(stub) -> None:
    requests = [pb.RecommendRequest(url1=URL1, k=2), pb.RecommendRequest(url1="ftp://a.example/")]
    response = await stub.RecommendBatch(pb.RecommendBatchRequest(requests=requests))
    assert [result.WhichOneof("result") for result in response.results] == ["answer", "problem"]
    assert len(response.results[0].answer.recommendations) == 2
    assert response.results[1].problem.errors[0].field == "url1"


@pytest.mark.parametrize("count", [0, 101])
async def test_an_empty_or_too_large_batch_is_refused(stub, count) -> None:
    batch = pb.RecommendBatchRequest(requests=[pb.RecommendRequest(url1=URL1)] * count)
    error = await refused(stub.RecommendBatch(batch))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith("requests: ")


async def test_the_callers_deadline_is_the_budget(make, served) -> None:
    small = make("budget_ms=4000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        answer = await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URL1), timeout=1.0)
    assert "recall:coclick:timeout" in answer.degraded


async def test_requests_of_a_batch_that_miss_the_callers_deadline_get_a_problem(make, served) -> None:
    small = make("budget_ms=60000", "max_budget_ms=60000", "server.batch_concurrency=2")
    hanging = [pb.RecommendRequest(url1=f"https://site{n % 3}.example/page/{n}") for n in range(1, 9)]
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        await stub.Recommend(pb.RecommendRequest(url1=URL1))  # is kept
        small.coclick.gate = asyncio.Event()
        batch = pb.RecommendBatchRequest(requests=[pb.RecommendRequest(url1=URL1), *hanging])
        response = await stub.RecommendBatch(batch, timeout=2.0)
    assert response.results[0].answer.recommendations
    assert len(response.results) == len(hanging) + 1
    late = [result.problem for result in response.results if result.WhichOneof("result") == "problem"]
    assert response.results[-1].problem in late
    assert {(problem.status, "deadline" in problem.detail) for problem in late} == {(504, True)}


async def test_without_time_left_all_requests_of_a_batch_exceed_the_deadline(make) -> None:
    results = await recommend_each(make().recommender, [Request(URL1), ClientError([])], 2, until=0.0)
    assert isinstance(results[0], DeadlineExceeded) and isinstance(results[1], ClientError)


async def test_a_hanging_request_exceeds_the_deadline_and_the_others_are_answered(make) -> None:
    small = make("budget_ms=60000", "max_budget_ms=60000")
    await small.recommender.recommend(Request(URL1))

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    small.recommender._compute = never
    requests = [Request("https://site1.example/page/1"), *[Request(URL1)] * 9]
    results = await recommend_each(small.recommender, requests, 2, until=time.monotonic() + 0.3)
    assert isinstance(results[0], DeadlineExceeded)
    assert all(isinstance(result, Answer) for result in results[1:])


async def test_calls_with_different_deadlines_share_one_computation(make, served) -> None:
    small = make("budget_ms=60000", "max_budget_ms=60000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        calls = [stub.Recommend(pb.RecommendRequest(url1=URL1), timeout=20.0 + number / 1e3) for number in range(40)]
        waiting = asyncio.gather(*calls)
        while 'onward_cache_total{result="joined"} 39.0' not in small.gateway.metrics.text().decode():  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.001)
        small.coclick.gate.set()
        assert len(await waiting) == 40
    assert small.coclick.calls == 1


async def test_requests_of_a_batch_cannot_be_explained(stub) -> None:
    asked = pb.RecommendRequest(url1=URL1, explain=True)
    response = await stub.RecommendBatch(pb.RecommendBatchRequest(requests=[asked]))
    assert response.results[0].problem.errors[0].field == "explain"


async def test_explain_can_be_turned_off(make, served) -> None:
    small = make()
    small.gateway.authorizer = Authorizer(explains=False)
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        error = await refused(RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URL1, explain=True)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_request_id_is_in_the_trailing_metadata(stub) -> None:
    call = stub.Recommend(pb.RecommendRequest(url1=URL1), metadata=[("x-request-id", "mine")])
    await call
    assert ("x-request-id", "mine") in [tuple(pair) for pair in await call.trailing_metadata()]


async def test_health_follows_the_gateway(make, served) -> None:
    async with served(make().gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "onward.v1.Recommender"):
            response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_service(server) -> None:
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        response = await call.read()
        await call.done_writing()
    names = [service.name for service in response.list_services_response.service]
    assert "onward.v1.Recommender" in names


async def test_calls_are_counted_by_method_and_status(make, served) -> None:
    small = make()
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        await stub.Recommend(pb.RecommendRequest(url1=URL1))
        await refused(stub.Recommend(pb.RecommendRequest()))
    text = small.gateway.metrics.text().decode()
    assert 'onward_requests_total{protocol="grpc",route="Recommend",status="OK"} 1.0' in text
    assert 'onward_requests_total{protocol="grpc",route="Recommend",status="INVALID_ARGUMENT"} 1.0' in text


@pytest.mark.parametrize("package", ["service/pb", "client/onward_client/pb"])
def test_the_committed_stubs_are_those_of_the_proto_file(tmp_path: Path, package: str) -> None:
    generate(tmp_path)
    made, committed = (descriptor(root / package / "recommender_pb2.py") for root in (tmp_path, ROOT))
    assert made == committed
    assert [message.name for message in made.message_type] == [message.name for message in pb_file().message_type]


def descriptor(path: Path) -> FileDescriptorProto:
    code = (
        "import sys, runpy; names = runpy.run_path(sys.argv[1]);"
        "sys.stdout.buffer.write(names['DESCRIPTOR'].serialized_pb)"
    )
    made = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True).stdout
    return FileDescriptorProto.FromString(made)


def pb_file() -> FileDescriptorProto:
    return FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)


async def test_a_failed_call_has_its_problem_in_its_metadata(stub) -> None:
    error = await refused(stub.Recommend(pb.RecommendRequest(url1=URL1, k=31)))
    problem = pb.Problem.FromString(dict(error.trailing_metadata())["onward-problem-bin"])
    assert (problem.type, problem.status) == ("urn:onward:problem:invalid-request", 422)
    assert [each.field for each in problem.errors] == ["k"]


async def test_the_problem_in_the_metadata_is_small(stub) -> None:
    """Clients take 8 kB of metadata: of many wrong fields the first are named."""
    error = await refused(stub.Recommend(pb.RecommendRequest(url1=URL1, exclude=["x" * 50] * 400)))
    problem = dict(error.trailing_metadata())["onward-problem-bin"]
    assert len(problem) < 4000
    assert len(pb.Problem.FromString(problem).errors) == 5


async def test_shutdown_waits_until_open_connections_reach_their_maximum_age(make, served) -> None:
    async with served(make("server.drain_s=0", "server.grpc_connection_s=1").gateway) as server:
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URL1))
        started = time.monotonic()
        server.stop()
        await server.task
    assert time.monotonic() - started >= 1.1


async def test_shutdown_does_not_wait_for_connections_without_recent_calls(make, served) -> None:
    async with served(make("server.drain_s=0", "server.grpc_connection_s=600").gateway) as server:
        server.stop()
        await asyncio.wait_for(server.task, 60)
