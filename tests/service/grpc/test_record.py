from __future__ import annotations

from uuid import uuid4

import grpc
import pytest

from service.pb import recommender_pb2 as pb
from service.pb import recommender_pb2_grpc as stubs

URL1 = "https://site0.example/page/0"


@pytest.fixture
async def stub(make, served):
    small = make("feedback.enabled=true", "feedback.most_events=5")
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        yield stubs.RecommenderStub(channel)


def event(answer_id: str, action_name: str, **fields) -> pb.Event:
    identity = {"event_id": str(uuid4()), "query_id": "impression-1", "timestamp": "2026-11-26T09:00:00Z"}
    return pb.Event(answer_id=answer_id, action_name=action_name, **identity, **fields)


async def test_events_are_recorded_and_a_rejected_one_names_its_field(stub) -> None:
    answer = await stub.Recommend(pb.RecommendRequest(url1=URL1))
    url2 = answer.recommendations[0].url
    sent = [
        event(answer.answer_id, "impression"),
        event(answer.answer_id, "click", ordinal=1, object_id=url2),
        event(answer.answer_id, "dwell", ordinal=1, dwell_s=3.0),
        event(answer.answer_id, "click", ordinal=9),
    ]
    results = (await stub.Record(pb.RecordRequest(events=sent))).results
    assert [result.status for result in results] == ["accepted", "accepted", "accepted", "rejected"]
    assert (results[3].reason, results[3].error.field) == ("unknown_position", "ordinal")
    again = (await stub.Record(pb.RecordRequest(events=sent[:1]))).results
    assert again[0].status == "duplicate"


async def test_a_batch_beyond_the_limit_is_invalid(stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Record(pb.RecordRequest(events=[pb.Event()] * 6))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 5" in error.value.details()


async def test_an_empty_event_is_rejected(stub) -> None:
    (result,) = (await stub.Record(pb.RecordRequest(events=[pb.Event()]))).results
    assert (result.status, result.reason, result.error.field) == ("rejected", "invalid", "event_id")
