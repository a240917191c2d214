from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from corpus.label_split import Role, is_training
from corpus.tables.report import Report
from corpus.tables.sessions import Sessions
from corpus.urls.url import canonical, host_id, page_id, rules_of
from evaluation.held_out import HeldOut, read_held_out
from evaluation.metrics.bootstrap import Interval
from store.page_row import FACTS, PageText, pack
from store.tables import LmdbTable, write_table

A, B, C, D = (canonical(f"https://site.example/{name}") for name in "abcd")
CLICKS = [
    ("early", A, "2026-01-01 23:50"),
    ("early", B, "2026-01-02 00:10"),
    ("late", A, "2026-01-02 08:00"),
    ("late", B, "2026-01-02 08:01"),
    ("late", C, "2026-01-02 08:02"),
    ("later", A, "2026-01-03 08:00"),
    ("later", B, "2026-01-03 08:01"),
]
SHOWN = [
    ("i1", "2026-01-02 09:00", A, C, 2, 1),
    ("i1", "2026-01-02 09:00", A, B, 1, 0),
    ("i2", "2026-01-02 09:05", A, D, 1, 0),
    ("i3", "2026-01-01 09:00", B, C, 1, 1),
]


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[LmdbTable]:
    def row(url: str) -> bytes:
        facts = np.zeros(1, FACTS)[0]
        facts["page"], facts["host"] = page_id(url), host_id(url)
        return pack(facts, np.empty(0, np.uint32), PageText(url, "" if url == D else "A page", "About it", "en"))

    write_table(tmp_path / "pages.lmdb", ((page_id(url), row(url)) for url in (A, B, C, D)))
    table = LmdbTable(tmp_path / "pages.lmdb")
    yield table
    table.close()


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    return write(tmp_path / "clicks.csv", "session,url,time", CLICKS)


@pytest.fixture
def impressions(tmp_path: Path) -> Path:
    return write(tmp_path / "impressions.csv", "impression,time,url1,url2,position,clicked", SHOWN)


def write(path: Path, header: str, rows: list[tuple[object, ...]]) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return path


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def steps(log: HeldOut) -> dict[int, list[int]]:
    return {page: sorted(following.tolist()) for page, following in log.steps.items()}


def sorted_ids(*urls: str) -> list[int]:
    return sorted(map(page_id, urls))


def test_every_step_of_every_session_is_a_pair(pages: LmdbTable, clicks: Path) -> None:
    log = read_held_out(pages, clicks, None, None, None, sessions=Sessions(gap_minutes=0))
    assert steps(log) == {page_id(A): sorted_ids(B, B, B), page_id(B): sorted_ids(C)}
    assert log.impressions == {}


def test_sessions_are_selected_by_their_start(pages: LmdbTable, clicks: Path) -> None:
    log = read_held_out(pages, clicks, None, day(2), None)
    assert steps(log) == {page_id(A): sorted_ids(B, B), page_id(B): sorted_ids(C)}


def test_rows_at_or_after_until_do_not_count(pages: LmdbTable, clicks: Path) -> None:
    log = read_held_out(pages, clicks, None, day(2), day(3))
    assert steps(log) == {page_id(A): sorted_ids(B), page_id(B): sorted_ids(C)}
    assert log.report.tables["clicks"].later == 2


def test_impressions_keep_the_order_shown_and_those_without_a_click_are_left_out(
    pages: LmdbTable, clicks: Path, impressions: Path
) -> None:
    log = read_held_out(pages, clicks, impressions, None, None)
    (shown,) = log.impressions[page_id(A)]
    assert shown.shown.tolist() == [page_id(B), page_id(C)]
    assert shown.clicked.tolist() == [False, True]
    assert log.click_through_rate.mean == pytest.approx(2 / 3)  # i2 was shown and has no click


def test_a_page_shown_on_itself_is_left_out(pages: LmdbTable, clicks: Path, tmp_path: Path) -> None:
    rows = [
        ("i1", "2026-01-02 09:00", A, A, 1, 1),
        ("i1", "2026-01-02 09:00", A, B, 2, 1),
        ("i2", "2026-01-02", B, B, 1, 1),
    ]
    header = "impression,time,url1,url2,position,clicked"
    log = read_held_out(pages, clicks, write(tmp_path / "itself.csv", header, rows), None, None)
    assert log.impressions.keys() == {page_id(A)}
    assert log.impressions[page_id(A)][0].shown.tolist() == [page_id(B)]


def test_impressions_are_selected_by_their_time(pages: LmdbTable, clicks: Path, impressions: Path) -> None:
    assert read_held_out(pages, clicks, impressions, None, None).impressions.keys() == {page_id(A), page_id(B)}
    assert read_held_out(pages, clicks, impressions, day(2), None).impressions.keys() == {page_id(A)}


def test_rows_of_pages_that_are_not_in_the_bundle_are_counted(pages: LmdbTable, tmp_path: Path) -> None:
    rows = [("s", A, "2026-01-01"), ("s", "https://site.example/new", "2026-01-02"), ("s", C, "2026-01-03")]
    log = read_held_out(pages, write(tmp_path / "clicks.csv", "session,url,time", rows), None, None, None)
    assert log.report.tables["clicks"].rejected["unknown page"].count == 1
    assert steps(log) == {}  # nobody went from A to C


def test_a_pause_ends_a_session_as_it_did_in_the_build(pages: LmdbTable, tmp_path: Path) -> None:
    rows = [("s", A, "2026-01-01T08:00"), ("s", B, "2026-01-01T08:20"), ("s", C, "2026-01-01T09:10")]
    clicks = write(tmp_path / "clicks.csv", "session,url,time", rows)
    assert steps(read_held_out(pages, clicks, None, None, None)) == {page_id(A): sorted_ids(B)}
    short = read_held_out(pages, clicks, None, None, None, sessions=Sessions(gap_minutes=10))
    assert steps(short) == {}


def test_fragments_are_read_with_the_rules_of_the_bundle(pages: LmdbTable, tmp_path: Path) -> None:
    rows = [("s", A, "2026-01-01"), ("s", f"{B}#part", "2026-01-02")]
    clicks = write(tmp_path / "clicks.csv", "session,url,time", rows)
    assert steps(read_held_out(pages, clicks, None, None, None, rules_of([], []))) == {page_id(A): sorted_ids(B)}
    assert steps(read_held_out(pages, clicks, None, None, None, rules_of(["site.example"], []))) == {}


def test_any_spelling_of_a_page_is_recognized(pages: LmdbTable, tmp_path: Path) -> None:
    rows = [("s", "http://www.site.example/a/?ref=x", "2026-01-01"), ("s", "https://site.example//B", "2026-01-02")]
    log = read_held_out(pages, write(tmp_path / "clicks.csv", "session,url,time", rows), None, None, None)
    assert steps(log) == {page_id(A): sorted_ids(B)}
    assert log.report.tables["clicks"].respelt == 2


def test_every_page_with_a_step_or_an_impression_is_requested(
    pages: LmdbTable, tmp_path: Path, impressions: Path
) -> None:
    rows = [("s", C, "2026-01-01"), ("s", D, "2026-01-02")]
    log = read_held_out(pages, write(tmp_path / "clicks.csv", "session,url,time", rows), impressions, None, None)
    assert log.pages == sorted_ids(A, B, C)


def test_a_sample_has_whole_pages_and_depends_only_on_the_seed(
    pages: LmdbTable, clicks: Path, impressions: Path
) -> None:
    log = read_held_out(pages, clicks, impressions, None, None)
    sample = log.sample(1, seed=0)
    (page,) = sample.pages
    assert sample.steps[page].tolist() == log.steps[page].tolist()
    assert sample.pages == log.sample(1, seed=0).pages
    assert log.sample(99, seed=0).pages == log.pages


def test_halves_are_disjoint_and_complete() -> None:
    pages = range(1, 8)
    log = HeldOut({page: np.array([page + 1], np.uint64) for page in pages}, {}, Report({}), Interval(0.0, 0.0, 0.0))
    first, second = log.halves(seed=0)
    assert (len(first.pages), len(second.pages)) == (4, 3)
    assert sorted([*first.pages, *second.pages]) == list(pages)
    assert log.halves(seed=0)[0].pages == first.pages


def numbered(pages: range) -> HeldOut:
    steps = {page: np.array([page + 1], np.uint64) for page in pages}
    return HeldOut(steps, {}, Report({}), Interval(0.0, 0.0, 0.0))


def test_choosing_and_reporting_pages_are_disjoint_and_not_in_training() -> None:
    log = numbered(range(1, 400))
    choosing, reporting = (set(log.of_role(role, 0.5, 0).pages) for role in (Role.VALIDATION, Role.TEST))
    assert not choosing & reporting
    assert choosing | reporting == set(log.untaught(0.5).pages)
    assert not is_training(np.array(sorted(choosing | reporting), np.uint64), 0.5).any()
    assert set(log.reporting(0.5).pages) == reporting


def test_if_every_label_was_used_in_training_all_pages_report() -> None:
    log = numbered(range(1, 9))
    assert log.untaught(0.0).pages == log.reporting(0.0).pages == log.pages
    assert [len(log.of_role(role, 0.0, 0).pages) for role in (Role.VALIDATION, Role.TEST)] == [4, 4]
