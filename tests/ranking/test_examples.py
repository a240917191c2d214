from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from ranking.event import Event
from ranking.examples import GroupWriter, LoggedPages, as_of, by_page

SEEN = {
    "shown": np.full(5, 3, np.uint32),
    "clicks_all": np.zeros(5, np.uint32),
    "published": np.zeros(5, np.float32),
}
CANDIDATES = Candidates(np.array([10, 20, 30, 40, 50], np.uint64), SEEN)
FEATURES = np.arange(5, dtype=np.float32)[:, None]  # a row's feature is its index


def event(shown: list[int], gain: list[float], position: list[int] | None = None, page: int = 1) -> Event:
    places = None if position is None else np.array(position, np.int32)
    return Event(page, np.array(shown, np.uint64), np.array(gain, np.float32), places)


def writer(*events: Event, negatives: int = 2) -> GroupWriter:
    result = GroupWriter(negatives, seed=0)
    for each in events:
        result.add(CANDIDATES, FEATURES, each)
    return result


def test_a_group_holds_shown_pages_and_negatives() -> None:
    groups = writer(event([30, 10], [1, 0], [4, 5])).groups()
    assert groups.size.tolist() == [4]
    assert groups.features[:2, 0].tolist() == [2, 0]
    assert {*groups.features[2:, 0].tolist()} < {1, 3, 4}
    assert groups.gain.tolist() == [1, 0, 0, 0]


def test_a_page_that_nobody_has_seen_is_not_a_negative() -> None:
    seen = {"shown": np.array([1, 0, 1, 0, 0], np.uint32), "clicks_all": np.array([0, 0, 0, 2, 0], np.uint32)}
    collected = GroupWriter(5, seed=0)
    collected.add(CANDIDATES.with_columns(seen), FEATURES, event([30], [1]))
    assert sorted(collected.groups().features[:, 0].tolist()) == [0, 2, 3]


def test_a_new_page_that_others_chose_that_day_is_a_negative() -> None:
    seen = {"shown": np.array([1, 0, 1, 0, 0], np.uint32)}
    collected = GroupWriter(5, seed=0)
    collected.add(CANDIDATES.with_columns(seen), FEATURES, event([30], [1]), np.array([20, 99], np.uint64))
    assert sorted(collected.groups().features[:, 0].tolist()) == [0, 1, 2]


def test_a_published_page_without_clicks_is_a_negative() -> None:
    facts = {"shown": np.array([1, 0, 1, 0, 0], np.uint32), "published": np.array([0, 0, 0, 0, 9], np.float32)}
    collected = GroupWriter(5, seed=0)
    collected.add(CANDIDATES.with_columns(facts), FEATURES, event([30], [1]))
    assert sorted(collected.groups().features[:, 0].tolist()) == [0, 2, 4]


def test_sessions_make_negatives_of_pages_that_nobody_has_seen() -> None:
    unseen = {"shown": np.zeros(5, np.uint32), "clicks_all": np.array([0, 0, 0, 2, 0], np.uint32)}
    collected = GroupWriter(5, seed=0, every_page=True)
    collected.add(CANDIDATES.with_columns(unseen), FEATURES, event([30], [1]))
    assert sorted(collected.groups().features[:, 0].tolist()) == [0, 1, 2, 3, 4]


def test_pages_passed_before_are_no_negatives() -> None:
    passed = Event(1, np.array([30], np.uint64), np.ones(1, np.float32), None, passed=np.array([10, 50], np.uint64))
    assert sorted(writer(passed, negatives=5).groups().features[:, 0].tolist()) == [1, 2, 3]


def test_without_a_log_every_other_page_is_a_negative() -> None:
    collected = GroupWriter(5, seed=0)
    collected.add(CANDIDATES.with_columns({"shown": np.zeros(5, np.uint32)}), FEATURES, event([30], [1]))
    assert sorted(collected.groups().features[:, 0].tolist()) == [0, 1, 2, 3, 4]


def test_added_negatives_get_positions_of_the_event() -> None:
    groups = writer(event([30, 10], [1, 0], [4, 7])).groups()
    assert groups.position[:2].tolist() == [4, 7]
    assert {*groups.position.tolist()} <= {4, 7}


def test_a_shown_page_that_was_not_recalled_is_left_out() -> None:
    groups = writer(event([30, 99], [1, 0], [0, 1]), negatives=1).groups()
    assert groups.features[0, 0] == 2
    assert groups.size.tolist() == [2]


def test_an_event_whose_click_was_not_recalled_is_skipped() -> None:
    assert writer(event([99, 30], [1, 0], [0, 1])).groups() is None


def test_an_event_without_negatives_is_skipped() -> None:
    assert writer(event([10, 20, 30, 40, 50], [1, 1, 1, 1, 1])).groups() is None
    assert writer(event([30], [1]), negatives=0).groups() is None


def test_one_event_without_positions_drops_all_positions() -> None:
    mixed = writer(event([30], [1]), event([10, 20], [1, 0], [0, 1])).groups()
    assert mixed.position is None
    assert mixed.size.tolist() == [3, 4]


def test_the_same_seed_draws_the_same_negatives() -> None:
    first, second = (writer(event([30], [1])).groups() for _ in range(2))
    assert first.features.tolist() == second.features.tolist()


async def test_logged_pages_are_recalled_once_each_without_the_page_itself() -> None:
    path = LoggedPages([event([5, 3], [1, 0]), event([3, 1], [0, 1]), event([8], [1], page=2)])
    found = await path.recall(Query("https://a.example/", page=1), 1)
    assert found.pages.tolist() == [3, 5]
    assert len(await path.recall(Query("https://a.example/", page=3), 1)) == 0


def test_events_are_grouped_by_page() -> None:
    events = [event([1], [1], page=page) for page in (7, 3, 7)]
    assert [(page, len(part)) for page, part in by_page(events)] == [(3, 1), (7, 2)]


def test_an_event_sees_pages_as_old_as_they_were_and_none_from_its_future() -> None:
    at = np.datetime64("2026-02-10T12:00:00", "us")
    hour = int(at.astype("datetime64[h]").astype(np.int64))
    dated = CANDIDATES.with_columns({"published": np.array([hour - 48, hour + 1, 0, hour + 1, hour], np.uint32)})
    features = np.full((5, 2), 7, np.float32)
    of = Event(1, np.array([40], np.uint64), np.ones(1, np.float32), None, at)
    there, seen = as_of(dated, features, ("left", "age_days"), of)
    assert there.pages.tolist() == [10, 30, 40, 50]
    np.testing.assert_array_equal(seen, np.array([[7, 2], [7, np.nan], [7, 0], [7, 0]], np.float32))
    assert features[0, 1] == 7
