from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from segments_of_events import lines, row

from corpus.events.read import read_events
from corpus.events.write import read_lines, write
from corpus.schema import InputError
from corpus.tables.reader import read
from corpus.urls.url import page_id

URLS = [f"https://a.example/{number}" for number in range(5)]
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def seen(number: int, impression: str, kind: str = "impression", minutes: float = 0, **fields: Any) -> dict[str, Any]:
    made = {"kind": kind, "impression_id": impression, "time": at(minutes), "url1": URLS[0], "urls": URLS[1:4]}
    if "position" in fields:
        made["url2"] = URLS[fields["position"]]
    return row(number, **made, **fields)


def site(directory: Path, *events: dict[str, Any], **tables: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "pages.csv").write_text("url,title,snippet\n" + "".join(f"{url},Title of {url},x\n" for url in URLS))
    for name, text in tables.items():
        (directory / f"{name}.csv").write_text(text)
    write(directory / "events" / "a.parquet", read_lines(lines(*events)))
    return directory


def tables(data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    out = data.parent / "out"
    read(data, out)
    return tuple(pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("impressions", "clicks"))


def test_every_page_of_a_list_is_an_impression_and_the_clicked_one_is_clicked(tmp_path: Path) -> None:
    dwelt = seen(2, "i", "dwell", 2, position=2, dwell_s=40.0)
    rows, _ = tables(site(tmp_path / "data", seen(0, "i"), seen(1, "i", "click", 1, position=2), dwelt))
    assert [each["page2"] for each in rows] == [page_id(url) for url in URLS[1:4]]
    assert [each["position"] for each in rows] == [1, 2, 3]
    assert [each["clicked"] for each in rows] == [False, True, False]
    assert [each["dwell_s"] for each in rows] == [None, 40.0, None]
    assert {each["time"] for each in rows} == {NOON}


def test_a_click_is_a_step_of_a_session(tmp_path: Path) -> None:
    _, steps = tables(site(tmp_path / "data", seen(0, "i"), seen(1, "i", "click", 1, position=3), seen(2, "other")))
    assert [each["page"] for each in steps] == [page_id(URLS[0]), page_id(URLS[3])]
    assert len({each["session"] for each in steps}) == 1


def test_the_lists_of_a_unit_are_one_session(tmp_path: Path) -> None:
    first = [seen(0, "i", unit="u"), seen(1, "i", "click", 1, position=1, unit="u")]
    second = [seen(2, "j", "impression", 5, unit="u"), seen(3, "j", "click", 6, position=2, unit="u")]
    _, steps = tables(site(tmp_path / "data", *first, *second))
    assert [each["page"] for each in steps] == [page_id(URLS[place]) for place in (0, 1, 0, 2)]
    assert len({each["session"] for each in steps}) == 1


def test_a_click_without_its_impression_proves_one(tmp_path: Path) -> None:
    rows, _ = tables(site(tmp_path / "data", seen(0, "i", "click", 1, position=1)))
    assert [each["clicked"] for each in rows] == [True, False, False]


def test_an_event_that_was_stored_twice_counts_once(tmp_path: Path) -> None:
    data = site(tmp_path / "data", seen(0, "i"), seen(1, "i", "click", 1, position=1))
    write(data / "events" / "b.parquet", read_lines(lines(seen(0, "i"), seen(1, "i", "click", 1, position=1))))
    rows, steps = tables(data)
    assert (len(rows), len(steps)) == (3, 2)
    assert read_events(data / "events").num_rows == 2


@pytest.mark.parametrize(
    ("propensities", "shuffled", "random"),
    [
        ([1 / 3] * 3, True, True),
        ([0.19] * 3, False, False),  # the usual order, of an arm that shuffles nine of ten lists
        ([0.09, 0.19, 0.09], True, True),  # a shuffle with one page in its usual place
        ([0.1, 0.1, 1.0], True, False),  # the last place is pinned
        (None, None, False),
    ],
)
def test_an_explored_list_keeps_its_propensities(
    tmp_path: Path, propensities: list[float] | None, shuffled: bool | None, random: bool
) -> None:
    rows, _ = tables(site(tmp_path / "data", seen(0, "i", propensities=propensities, shuffled=shuffled)))
    assert [each["propensity"] for each in rows] == pytest.approx(propensities) if propensities else [None] * 3
    assert {each["random"] for each in rows} == {random}


def test_a_list_of_one_page_in_its_usual_place_is_not_random(tmp_path: Path) -> None:
    rows, _ = tables(site(tmp_path / "data", seen(0, "i", propensities=[1.0], shuffled=True) | {"urls": [URLS[1]]}))
    assert [each["random"] for each in rows] == [False]


def test_steps_that_the_sites_own_log_covers_count_once(tmp_path: Path) -> None:
    own = f"session,url,time\ns,{URLS[0]},{at(0)}\ns,{URLS[1]},{at(10)}\n"
    early = [seen(0, "i"), seen(1, "i", "click", 1, position=1)]
    late = [seen(2, "j", "impression", 20), seen(3, "j", "click", 21, position=2)]
    rows, steps = tables(site(tmp_path / "data", *early, *late, clicks=own))
    assert len(rows) == 6
    assert [each["page"] for each in sorted(steps, key=lambda each: each["time"])] == [
        page_id(URLS[place]) for place in (0, 1, 0, 2)
    ]


@pytest.mark.parametrize("time", ["2026-11-26T11:00:00Z", "1795690800", "1795690800000"])
def test_they_join_a_log_in_another_format(tmp_path: Path, time: str) -> None:
    own = f"impression,time,url1,url2,position,clicked\nx,{time},{URLS[0]},{URLS[4]},0,1\n"
    rows, _ = tables(site(tmp_path / "data", seen(0, "i"), impressions=own))
    assert sorted(each["position"] for each in rows) == [0, 1, 2, 3]
    assert min(each["time"] for each in rows) == datetime(2026, 11, 26, 11, tzinfo=UTC)


def test_a_page_that_was_gone_is_reported(tmp_path: Path) -> None:
    gone = seen(0, "i") | {"urls": [URLS[1], None]}
    report = read(site(tmp_path / "data", gone), tmp_path / "out")
    assert report.tables["impressions"].kept == 1
    assert sum(rows.count for rows in report.tables["impressions"].rejected.values()) == 1


def test_files_that_are_no_events_are_an_error(tmp_path: Path) -> None:
    data = site(tmp_path / "data", seen(0, "i"))
    (data / "events" / "notes.csv").write_text("a,b\n")
    with pytest.raises(InputError):
        read(data, tmp_path / "out")
    (data / "events" / "notes.csv").unlink()
    pq.write_table(pa.table({"event_id": ["a"]}), data / "events" / "b.parquet")
    with pytest.raises(InputError, match="column 'kind' is missing"):
        read(data, tmp_path / "out")
