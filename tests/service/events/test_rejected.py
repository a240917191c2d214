from __future__ import annotations

from pathlib import Path

import orjson

from service.events.event import Rejection
from service.events.rejected import RejectedEvents, read_rejected

WHY = Rejection("stale", "event_attributes.answer_id", "it is old", "ask again")


async def test_rejected_events_are_read_with_their_reason(tmp_path: Path) -> None:
    await RejectedEvents(tmp_path, 1e6).keep([({"event_id": "a"}, WHY), (7, WHY)])
    first, second = read_rejected(tmp_path)
    assert (first["event"], first["reason"], first["fix"]) == ({"event_id": "a"}, "stale", "ask again")
    assert second["event"] == 7


async def test_they_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    rejected = RejectedEvents(tmp_path, 4_000)
    for number in range(100):
        await rejected.keep([({"event_id": number}, WHY)])
    kept = [each["event"]["event_id"] for each in read_rejected(tmp_path)]
    assert kept == list(range(kept[0], 100))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4_000  # noqa: ASYNC240


async def test_a_large_event_is_cut(tmp_path: Path) -> None:
    await RejectedEvents(tmp_path, 1e6).keep([({"x": "y" * 100_000}, WHY)])
    (kept,) = read_rejected(tmp_path)
    assert len(kept["event"]) == 2_000


async def test_an_event_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    deep = orjson.loads(b"[" * 500 + b"]" * 500)
    await RejectedEvents(tmp_path, 1e6).keep([(deep, WHY), (7, WHY)])
    assert [each["event"] for each in read_rejected(tmp_path)] == ["(nested too deeply)", 7]


async def test_without_room_none_is_kept(tmp_path: Path) -> None:
    await RejectedEvents(tmp_path, 0).keep([(7, WHY)])
    assert list(read_rejected(tmp_path)) == []
