"""One interface over HTTP, gRPC and in process."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import httpx
import pytest
from client_gateway import url_of
from onward_client import Answer, AsyncOnward, Event, InvalidRequest, Onward

EQUAL_BUT = {"request_id": "", "took_ms": 0.0, "served_by": "", "answer_id": None}


def same(answer: Answer) -> Answer:
    return dataclasses.replace(answer, **EQUAL_BUT)


def test_every_way_gives_the_answer_of_the_api(onward, running, tiny) -> None:
    url1 = tiny.urls[3]
    answer = onward.recommend(url1, k=4, exclude=[tiny.urls[4]], request_id="mine")
    body = {"url1": url1, "k": 4, "exclude": [tiny.urls[4]]}
    sent = httpx.post(f"{running.http}/recommend", json=body).json()
    assert [page.url for page in answer.recommendations] == [page["url"] for page in sent["recommendations"]]
    assert [page.score for page in answer.recommendations] == [page["score"] for page in sent["recommendations"]]
    found = [[(by.path, by.rank) for by in page.recalled_by] for page in answer.recommendations]
    assert found == [[(by["path"], by["rank"]) for by in page["recalled_by"]] for page in sent["recommendations"]]
    assert (answer.url1, answer.degraded, answer.request_id) == (url1, (), "mine")
    assert answer.answer_id
    assert answer.explanation is None


def test_explain_says_what_happened(onward, tiny) -> None:
    explanation = onward.explain(tiny.urls[0]).explanation
    assert explanation is not None
    assert {"stages", "dropped", "ms"} <= explanation.keys()


def test_a_batch_gives_each_request_its_answer_or_its_error(onward, tiny) -> None:
    wrong, answer = onward.batch([{"url1": "heapq"}, {"url1": tiny.urls[0], "k": 2}])
    assert isinstance(wrong, InvalidRequest)
    assert wrong.errors[0].field == "url1"
    assert isinstance(answer, Answer)
    assert len(answer.recommendations) == 2


def test_events_are_recorded_once(onward, tiny) -> None:
    answer = onward.recommend(tiny.urls[0])
    assert answer.answer_id
    seen = Event("impression", answer.answer_id, "list-1")
    clicked = Event("click", answer.answer_id, "list-1", ordinal=2, object_id=answer.recommendations[1].url)
    dwelt = Event("dwell", answer.answer_id, "list-1", ordinal=2, dwell_s=3.5, client_id="unit-1")
    wrong = Event("click", answer.answer_id, "list-1", ordinal=9)
    results = onward.record([seen, clicked, dwelt, wrong])
    assert [result.status for result in results] == ["accepted", "accepted", "accepted", "rejected"]
    assert results[3].error is not None
    assert (results[3].reason, results[3].error.field) == ("unknown_position", "ordinal")
    assert onward.record([seen])[0].status == "duplicate"


@pytest.mark.parametrize(("field", "value"), [("k", 99), ("k", -1), ("quality_weight", 2.0), ("title", "a" * 501)])
def test_a_bad_field_is_named_with_its_fix(onward, tiny, field, value) -> None:
    with pytest.raises(InvalidRequest) as caught:
        onward.recommend(tiny.urls[0], **{field: value})
    (error,) = caught.value.errors
    assert (error.field, bool(error.problem), bool(error.fix)) == (field, True, True)
    assert caught.value.status == 422
    assert caught.value.kind == "invalid-request"
    assert error.fix in str(caught.value)


def test_an_unknown_field_is_named(onward, tiny) -> None:
    with pytest.raises(InvalidRequest) as caught:
        onward.recommend(tiny.urls[0], quality_wieght=0.5)
    assert caught.value.errors[0].field == "quality_wieght"


async def test_asyncio_gets_the_same(running, tiny, protocol) -> None:
    url = url_of(running, protocol)
    async with AsyncOnward(url, timeout=10) as client:
        answer = await client.recommend(tiny.urls[7], k=3)
        assert isinstance((await client.batch([{"url1": tiny.urls[7]}]))[0], Answer)
    with Onward(url, timeout=10) as other:
        assert same(other.recommend(tiny.urls[7], k=3)) == same(answer)


async def test_asyncio_answers_in_process(tiny, tmp_path: Path) -> None:
    async with AsyncOnward(bundles=tiny.link(tmp_path / "bundles"), settings=["unknown.most=0"], timeout=10) as client:
        assert len((await client.recommend(tiny.urls[0])).recommendations) == 5


def test_a_closed_client_opens_again(running, tiny, protocol) -> None:
    client = Onward(url_of(running, protocol), timeout=10)
    first = client.recommend(tiny.urls[0])
    client.close()
    assert same(client.recommend(tiny.urls[0])) == same(first)
    client.close()
