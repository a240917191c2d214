from __future__ import annotations

import asyncio
import errno
import json
import os
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_events import URL1, answer_of, event, post

from service.events.event import Rejection, read_event
from service.events.segments import Segment

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.just("12345678") | JSON,
        "action_name": st.sampled_from(["impression", "click", "dwell"]) | JSON,
        "query_id": st.just("q") | JSON,
        "timestamp": st.datetimes().map(str) | JSON,
        "client_id": JSON,
        "event_attributes": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("answer_id", "position", "object", "dwell_s"), JSON)
        )
        | JSON,
    },
)


@given(FIELDS | JSON)
def test_any_json_is_an_event_or_a_rejection_that_names_a_field(value) -> None:
    try:
        read = read_event(value)
    except Rejection as why:
        assert why.reason == "invalid"
        assert why.field
        assert why.fix
    else:
        assert read.time == read.time


async def test_events_are_credited_to_list_position_bundle_and_impression(client, rows) -> None:
    answer = await answer_of(client)
    second = answer["recommendations"][1]["url"]
    now = datetime.now(UTC).isoformat()
    sent = [
        event("impression", answer["answer_id"], client_id="reader-7", timestamp=now),
        event("click", answer["answer_id"], 2, about={"object": {"object_id": f"{second}?utm_source=mail"}}),
        event("dwell", answer["answer_id"], 2, about={"dwell_s": 31.5}),
    ]
    assert [each["status"] for each in await post(client, *sent)] == ["accepted"] * 3
    impression, click, dwell = rows()
    assert impression["urls"] == [page["url"] for page in answer["recommendations"]]
    assert (impression["kind"], impression["position"], impression["url2"]) == ("impression", None, None)
    assert (impression["unit"], click["unit"]) == ("reader-7", None)
    assert (click["kind"], click["position"], click["url2"], click["dwell_s"]) == ("click", 2, second, None)
    assert (dwell["kind"], dwell["dwell_s"]) == ("dwell", 31.5)
    for row in (impression, click, dwell):
        assert (row["url1"], row["bundle"], row["impression_id"]) == (URL1, answer["bundle"], "impression-1")
        assert row["answer_id"] == answer["answer_id"]
        assert (row["experiment"], row["arm"], row["propensities"], row["teams"]) == ("", "", None, None)


async def test_nothing_is_stored_about_a_reader_who_sent_nothing(client, rows) -> None:
    answer = await answer_of(client)
    sent = event("impression", answer["answer_id"], user_id="u-1", session_id="s-1", message="hello")
    await client.post("/events", json={"events": [sent]}, headers={"cookie": "a=1", "user-agent": "browser"})
    (row,) = rows()
    stored = json.dumps(row)
    assert not [secret for secret in ("u-1", "s-1", "hello", "a=1", "browser", "127.0.0.1") if secret in stored]


async def test_a_page_outside_the_tables_keeps_its_url(client, rows) -> None:
    url1 = "https://elsewhere.example/new"
    body = {"url1": url1, "title": "Something new"}
    answer = (await client.post("/recommend", json=body)).json()
    await post(client, event("impression", answer["answer_id"]))
    assert rows()[0]["url1"] == url1


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"answer_id": "AAAA"}, "forged", "event_attributes.answer_id"),
        ({"position": {"ordinal": 6}}, "unknown_position", "event_attributes.position.ordinal"),
        ({"position": {"ordinal": 0}}, "unknown_position", "event_attributes.position.ordinal"),
        ({"position": {"ordinal": -1}}, "unknown_position", "event_attributes.position.ordinal"),
        ({"position": {"ordinal": "second"}}, "invalid", "event_attributes.position.ordinal"),
        ({"position": None}, "invalid", "event_attributes.position"),
        ({"object": {"object_id": "https://site0.example/other"}}, "other_page", "event_attributes.object.object_id"),
        ({"object": {"object_id": "no URL"}}, "other_page", "event_attributes.object.object_id"),
    ],
)
async def test_what_cannot_be_credited_is_rejected_by_name(client, rows, change, reason, field) -> None:
    answer = await answer_of(client)
    sent = event("click", answer["answer_id"], 1)
    sent["event_attributes"] |= change
    (result,) = await post(client, sent)
    assert (result["status"], result["reason"], result["error"]["field"]) == ("rejected", reason, field)
    assert result["error"]["fix"]


async def test_an_answer_from_long_ago_is_stale(feedback, served) -> None:
    small = feedback("cache.ttl_s=1", "cache.stale_s=0", "cache.public_s=0", "cache.public_stale_s=0")
    small.recommender._names._ids._clock = lambda: 1_000_000.0
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        answer = await answer_of(client)
        small.recommender._names._ids._clock = lambda: 1_086_401.0
        (result,) = await post(client, event("impression", answer["answer_id"]))
    assert result["reason"] == "stale"


async def test_one_answer_id_serves_many_readers(client, rows) -> None:
    one, other = await answer_of(client), await answer_of(client)
    assert one["answer_id"] == other["answer_id"]
    sent = [event("impression", one["answer_id"], query_id=f"reader-{number}") for number in range(3)]
    assert {each["status"] for each in await post(client, *sent)} == {"accepted"}
    assert {row["impression_id"] for row in rows()} == {"reader-0", "reader-1", "reader-2"}


async def test_an_event_counts_once_however_often_it_is_sent(client, rows) -> None:
    answer = await answer_of(client)
    sent = event("impression", answer["answer_id"])
    first, again = await post(client, sent, sent)
    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    parallel = event("click", answer["answer_id"], 1)
    results = await asyncio.gather(*(post(client, parallel) for _ in range(8)))
    assert sorted(result["status"] for (result,) in results) == ["accepted", *["duplicate"] * 7]
    assert len(rows()) == 2


async def test_a_wrong_clock_does_not_move_an_event(client, rows) -> None:
    answer = await answer_of(client)
    now = datetime.now(UTC)
    plausible = (now - timedelta(seconds=5)).isoformat()
    times = [plausible, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]
    await post(client, *(event("impression", answer["answer_id"], timestamp=time) for time in times))
    seen = [datetime.fromisoformat(row["time"]) for row in rows()]
    assert seen[0] == datetime.fromisoformat(plausible)
    assert all(abs(time - now) < timedelta(minutes=5) for time in seen)


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/json", "application/octet-stream", ""])
async def test_a_beacon_is_read_whatever_its_content_type(client, kind) -> None:
    answer = await answer_of(client)
    body = json.dumps({"events": [event("impression", answer["answer_id"])]}).encode()
    sent = await client.post("/events", content=body, headers={"content-type": kind} if kind else {})
    assert sent.json()["results"][0]["status"] == "accepted"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"\xff\xfe", 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b"[]", 422, "events"),
        (b"null", 422, "events"),
        (b'{"events": 7}', 422, "events"),
        (b'{"event": []}', 422, "event"),
    ],
)
async def test_a_body_that_is_no_batch_names_the_field(client, body, status, field) -> None:
    answer = await client.post("/events", content=body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field


async def test_a_batch_beyond_the_limit_is_413_and_none_is_recorded(feedback, served, rows) -> None:
    gateway = feedback("feedback.most_events=2").gateway
    async with served(gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        answer = await answer_of(client)
        sent = [event("impression", answer["answer_id"]) for _ in range(3)]
        refused = await client.post("/events", json={"events": sent})
        assert refused.status_code == 413
        assert "at most 2" in refused.json()["detail"]
        assert rows() == []


async def test_a_full_disk_acknowledges_nothing_and_the_retry_is_accepted(client, rows, monkeypatch) -> None:
    answer = await answer_of(client)
    sent = event("impression", answer["answer_id"])

    def full(segment: Segment, lines: bytes) -> None:
        os.write(segment._file, lines[: len(lines) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Segment, "write", full)
        refused = await client.post("/events", json={"events": [sent]})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "10"
    assert rows() == []
    assert (await post(client, sent))[0]["status"] == "accepted"
    assert len(rows()) == 1


async def test_a_full_spool_refuses_events(feedback, served) -> None:
    gateway = feedback("feedback.spool_mb=0.0001").gateway
    async with served(gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        answer = await answer_of(client)
        refused = await client.post("/events", json={"events": [event("impression", answer["answer_id"])]})
    assert refused.status_code == 503
    assert "feedback.spool_mb" in refused.json()["detail"]


async def test_without_feedback_there_is_no_route_and_no_answer_id(make, served) -> None:
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        assert (await client.post("/events", json={"events": []})).status_code == 404
        assert "answer_id" not in await answer_of(client)
