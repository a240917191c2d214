"""Label events from each kind of log: impressions, sessions alone, none at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.reading import read
from corpus.log.runs import all_pairs
from corpus.urls.url import page_id
from pipeline.config import BuildConfig
from pipeline.cross_encoder.examples import triplets
from pipeline.log.events import (
    IMPRESSIONS,
    LABELS,
    OF_LOG,
    SET_ASIDE,
    SOURCES,
    STEPS,
    half_of,
    label_events,
    past_impressions,
)  # fmt: skip
from pipeline.log.read import STEP as READ
from pipeline.log.sessions import sessions_of
from pipeline.log.split import split_of
from pipeline.runner.runner import Runner
from pipeline.runner.work import InputTables, Work
from ranking.cross_encoder.examples import Labels

START = datetime(2025, 3, 1, tzinfo=UTC)
URLS = [f"https://a.example/{number}" for number in range(8)]


def write(data: Path, sessions: bool, impressions: bool, clicked: bool = True) -> None:
    data.mkdir(exist_ok=True)
    pq.write_table(pa.table({"url": URLS, "title": URLS, "snippet": [""] * len(URLS)}), data / "pages.parquet")
    if sessions:
        rows = [(f"s{s}", URLS[(s + i) % 8], START + timedelta(days=s, minutes=i)) for s in range(10) for i in range(3)]
        names = ("session", "url", "time")
        pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), data / "clicks.parquet")
    if impressions:
        rows = [
            (
                f"i{n}",
                START + timedelta(days=n),
                URLS[n % 8],
                URLS[(n + 1 + p) % 8],
                p,
                clicked and p == n % 2 and n != 9,
            )
            for n in range(10)
            for p in range(3)
        ]
        names = ("impression", "time", "url1", "url2", "position", "clicked")
        pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), data / "impressions.parquet")


def work_of(root: Path, sessions: bool = False, impressions: bool = False, clicked: bool = True) -> Work:
    write(root / "data", sessions, impressions, clicked)
    config = BuildConfig()
    Runner(root, config, "", tables=InputTables(root / "data")).run([READ])
    work = Work(config, root / "again", root)
    set_order(work, means=True)
    return work


def test_the_last_fifth_of_the_log_gives_labels(tmp_path: Path) -> None:
    split = split_of(work_of(tmp_path, impressions=True))
    length = split["end"] - split["start"]
    assert abs((split["end"] - split["labels_from"]) - length * 0.2) < timedelta(seconds=1)


def test_an_event_is_an_impression_with_a_click(tmp_path: Path) -> None:
    work = work_of(tmp_path, impressions=True)
    (event,) = label_events(work, None)  # of days 8 and 9; nobody clicked on day 9
    assert event.gain.tolist() == [1.0, 0.0, 0.0]
    assert event.position.tolist() == [0, 1, 2]
    assert event.time == np.datetime64("2025-03-09")


def test_past_impressions_end_before_the_labels(tmp_path: Path) -> None:
    work = work_of(tmp_path, impressions=True)
    assert len(past_impressions(work)) == 8 * 3


def set_order(work: Work, means: bool) -> None:
    """Say whether order means something on this log, as the step `order` would."""
    work.of("order").mkdir(exist_ok=True)
    (work.of("order") / "order.json").write_text(json.dumps({"means": means}))


def test_without_impressions_events_want_all_later_pages_the_next_one_most(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True)
    events = label_events(work, None)
    assert len(events) == 4  # the first two pages of each of the last two sessions
    since = np.datetime64(split_of(work)["labels_from"].replace(tzinfo=None))
    for event in events:
        assert event.position is None
        assert event.time >= since
    assert sorted(sorted(event.gain.tolist()) for event in events) == [[6, 10], [6, 10], [10], [10]]


def test_pages_seen_before_are_neither_wanted_nor_negatives(tmp_path: Path) -> None:
    events = label_events(work_of(tmp_path, sessions=True), None)
    assert sorted(len(event.passed) for event in events) == [0, 0, 1, 1]
    for event in events:
        assert not np.isin(event.passed, event.shown).any()


def test_where_order_means_little_each_page_wants_its_whole_session(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True)
    set_order(work, means=False)
    events = label_events(work, None)
    assert len(events) == 6
    assert {tuple(event.gain.tolist()) for event in events} == {(10, 10)}


def test_where_order_means_little_impressions_are_drawn_from_whole_sessions(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True)
    set_order(work, means=False)
    table = past_impressions(work)
    assert len(table) == 8 * 3 * 5  # every page of every session before the labels
    assert not (table["page1"].to_numpy() == table["page2"].to_numpy())[::5].any()
    chosen = table.filter(table["clicked"])
    sessions = sessions_of(work, None, split_of(work)["labels_from"])
    together = set(zip(*(pages.tolist() for pages in all_pairs(sessions.session, sessions.page)), strict=True))
    assert set(zip(chosen["page1"].to_pylist(), chosen["page2"].to_pylist(), strict=True)) <= together


def test_without_impressions_negatives_are_sampled(tmp_path: Path) -> None:
    table = past_impressions(work_of(tmp_path, sessions=True))
    assert len(table) == 16 * 5
    assert table["clicked"].to_numpy()[::5].all()


def test_a_limit_samples_the_same_events_each_time(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True)
    first, second = (label_events(work, 2) for _ in range(2))
    assert [event.page for event in first] == [event.page for event in second]
    assert len(first) == 2


def test_without_any_log_events_are_judged_pairs(tmp_path: Path) -> None:
    work = work_of(tmp_path)
    assert split_of(work) == {}
    assert len(past_impressions(work)) == 0
    (tmp_path / "labels").mkdir()
    labels = {
        "page1": pa.array([2, 1, 1], pa.uint64()),
        "page2": pa.array([3, 2, 3], pa.uint64()),
        "quality": pa.array([0.2, 3.6, 1.0], pa.float32()),
        "set_aside": [True, False, False],
    }
    pq.write_table(pa.table(labels), tmp_path / "labels/labels.parquet")
    events = label_events(work, None)
    assert [(event.page, event.gain.tolist()) for event in events] == [(1, [4.0, 1.0]), (2, [0.0])]
    assert {event.time for event in events} == {None}
    (aside,) = label_events(work, None, (SET_ASIDE,))
    assert (aside.page, aside.shown.tolist()) == (2, [3])
    assert label_events(work, None, OF_LOG) == []


def test_each_source_can_be_requested_alone(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True, impressions=True)
    assert SOURCES == (IMPRESSIONS, STEPS, LABELS)
    assert [event.position is None for event in label_events(work, None, (IMPRESSIONS,))] == [False]
    assert {event.position for event in label_events(work, None, (STEPS,))} == {None}
    assert len(label_events(work, None)) == 1  # impressions come first


def test_sessions_replace_unclicked_impressions(tmp_path: Path) -> None:
    work = work_of(tmp_path, sessions=True, impressions=True, clicked=False)
    assert {event.position for event in label_events(work, None)} == {None}
    assert past_impressions(work)["clicked"].to_numpy().any()


def test_a_corpus_without_a_log_has_no_past_impressions_to_join(tmp_path: Path) -> None:
    work = work_of(tmp_path)
    nothing = Labels(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.float32, np.bool_)))
    assert len(triplets(work, np.empty(0, np.uint64), nothing).page) == 0


def test_the_halves_of_pages_are_the_same_for_one_and_for_many() -> None:
    pages = np.array([4, 7, 2**64 - 1], np.uint64)
    assert half_of(pages).tolist() == [half_of(page) for page in pages.tolist()] == [0, 1, 1]


def test_an_unknown_page_takes_a_place_in_its_session(tmp_path: Path) -> None:
    urls = [*URLS[:2], "https://a.example/unknown", *URLS[2:4]]
    columns = {"session": ["s"] * 5, "url": urls, "time": [START + timedelta(minutes=i) for i in range(5)]}
    write(tmp_path / "data", sessions=False, impressions=False)
    pq.write_table(pa.table(columns), tmp_path / "data" / "clicks.parquet")
    config = read(BuildConfig, [("examples.label_share", 1.0)], "")
    Runner(tmp_path, config, "", tables=InputTables(tmp_path / "data")).run([READ])
    work = Work(config, tmp_path / "again", tmp_path)
    set_order(work, means=True)
    events = label_events(work, None)
    gains = {event.page: dict(zip(event.shown.tolist(), event.gain.tolist(), strict=True)) for event in events}
    assert gains[page_id(URLS[0])][page_id(URLS[1])] == 10
    assert gains[page_id(URLS[1])][page_id(URLS[2])] == 6  # two places later
    assert gains[page_id(URLS[2])] == {page_id(URLS[3]): 10}
