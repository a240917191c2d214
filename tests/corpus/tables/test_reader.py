"""Reading the input tables: formats, rejected rows, clear errors, what is written."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.schema import InputError
from corpus.tables.reader import read
from corpus.urls.url import address_key, canonical, host_id, page_id, rules_of

Row = Mapping[str, Any]
START = datetime(2026, 6, 1, tzinfo=UTC)
A, B, C = (f"https://example.org/{name}" for name in "abc")
PAGES = [{"url": url, "title": f"Page {url[-1]}", "snippet": "About it", "language": "en"} for url in (A, B, C)]


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def click(url: str, seconds: float, session: str = "s", **more: Any) -> Row:
    return {"session": session, "url": url, "time": at(seconds), **more}


def shown(url2: str, position: int = 1, clicked: Any = False, impression: str = "i", **more: Any) -> Row:
    row = {"impression": impression, "time": at(0), "url1": A, "url2": url2, "position": position, "clicked": clicked}
    return {**row, **more}


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows in the format of the file's extension; later rows may have other columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.name.endswith(".parquet"):
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    elif ".jsonl" in path.name:
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    return path


def table(out: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return rows


def rejected(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    write(directory / "pages.parquet", PAGES)
    return directory


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz"])
def test_every_format_gives_the_same_tables(suffix: str, tmp_path: Path, out: Path) -> None:
    write(tmp_path / f"pages{suffix}", [*PAGES, {**PAGES[0], "url": "https://x.org/1", "title": 'say "a, b"\nü'}])
    write(tmp_path / f"clicks{suffix}", [click(A, 0, dwell_s=1.5), click(B, 9, dwell_s=None)])
    write(tmp_path / f"impressions{suffix}", [shown(B, 1, True, random=True), shown(C, 2, random=False)])
    write(tmp_path / f"labels{suffix}", [{"url1": A, "url2": B, "quality": 3.5, "source": "people"}])
    report = read(tmp_path, out)
    assert {name: part.kept for name, part in report.tables.items()} == {
        "pages": 4,
        "clicks": 2,
        "impressions": 2,
        "labels": 1,
    }
    assert 'say "a, b" ü' in {row["title"] for row in table(out, "pages")}
    assert [(row["page"], row["time"], row["dwell_s"]) for row in table(out, "clicks")] == [
        (page_id(A), START, 1.5),
        (page_id(B), START + timedelta(seconds=9), None),
    ]
    assert [(row["page2"], row["clicked"], row["random"]) for row in table(out, "impressions")] == [
        (page_id(B), True, True),
        (page_id(C), False, False),
    ]
    assert table(out, "labels") == [{"page1": page_id(A), "page2": page_id(B), "quality": 3.5, "source": "people"}]


def test_zstandard_files_are_read(tmp_path: Path, out: Path) -> None:
    text = "".join(json.dumps(row) + "\n" for row in PAGES).encode()
    with pa.CompressedOutputStream(str(tmp_path / "pages.jsonl.zst"), "zstd") as file:
        file.write(text)
    assert read(tmp_path, out).tables["pages"].kept == 3


def test_pages_have_facts_derived_from_url_and_text(data: Path, out: Path) -> None:
    german = "Die Bundesregierung hat am Montag ein neues Gesetz beschlossen"
    rows = [
        {"url": "HTTP://Example.org/x/?utm_source=a", "title": german, "snippet": "", "language": ""},
        {"url": B, "title": "Win!!!", "snippet": "now", "language": "en-GB"},
    ]
    write(data / "pages.parquet", rows)
    read(data, out)
    pages = {row["url"]: row for row in table(out, "pages")}
    url = canonical("http://example.org/x/")
    assert pages[url]["page"] == page_id(url)
    assert (pages[url]["host"], pages[url]["address"]) == (host_id(url), address_key(url))
    assert (pages[url]["language"], pages[B]["language"]) == ("de", "en")
    assert (pages[url]["spam"], pages[B]["spam"]) == (False, True)
    assert pages[url]["published"] is None


def test_pages_may_have_an_end(data: Path, out: Path) -> None:
    rows = [
        {**PAGES[0], "valid_until": "2099-01-01T12:00:00Z"},
        {**PAGES[1], "valid_until": ""},
        {**PAGES[2], "valid_until": "x"},
    ]
    write(data / "pages.csv", rows)
    (data / "pages.parquet").unlink(missing_ok=True)
    read(data, out)
    ends = {row["url"]: row["valid_until"] for row in table(out, "pages")}
    assert ends == {A: datetime(2099, 1, 1, 12, tzinfo=UTC), B: None}
    assert [(row["reason"], row["field"]) for row in rejected(out) if row["table"] == "pages"] == [
        ("bad time", "valid_until")
    ]


def test_fragments_are_pages_only_on_the_given_hosts(data: Path, out: Path) -> None:
    rows = [{**PAGES[0], "url": f"https://{name}.example/x#part"} for name in ("one", "two")]
    write(data / "pages.parquet", rows)
    read(data, out, rules=rules_of(["two.example"], []))
    assert {row["url"] for row in table(out, "pages")} == {"https://one.example/x", "https://two.example/x#part"}


def test_pages_are_sorted_and_the_first_of_two_wins(data: Path, out: Path) -> None:
    write(data / "pages.parquet", [*PAGES, {**PAGES[0], "url": f"{A}#top", "title": "again"}])
    report = read(data, out)
    rows = table(out, "pages")
    assert [row["page"] for row in rows] == sorted(page_id(url) for url in (A, B, C))
    assert "again" not in {row["title"] for row in rows}
    assert report.tables["pages"].rejected["duplicate"].count == 1


def test_clicks_are_sorted_by_session_and_time_and_reloads_collapse(data: Path, out: Path) -> None:
    clicks = [click(B, 5), click(A, 0), click(A, 1), click(C, 0, "t"), click(A, 9), click(B, 0, "t")]
    write(data / "clicks.csv", clicks)
    report = read(data, out).tables["clicks"]
    pages = [row["page"] for row in table(out, "clicks")]
    first = [page_id(url) for url in (A, B, A)]
    second = [page_id(url) for url in (C, B)]  # with equal times, the earlier row comes first
    assert pages in (first + second, second + first)
    assert (report.read, report.kept, report.reloads) == (6, 5, 1)
    assert (report.first, report.last) == (START, START + timedelta(seconds=9))


def test_of_two_rows_for_one_impression_and_page_the_clicked_one_stays(data: Path, out: Path) -> None:
    write(data / "impressions.csv", [shown(B, 1, "0"), shown(C, 2, "false"), shown(B, 1, "1")])
    report = read(data, out).tables["impressions"]
    assert [(row["page2"], row["clicked"]) for row in table(out, "impressions")] == [
        (page_id(B), True),
        (page_id(C), False),
    ]
    assert report.rejected["duplicate"].count == 1


def test_rows_from_until_on_are_counted_as_later_not_as_rejected(data: Path, out: Path) -> None:
    write(data / "clicks.csv", [click(A, 0), click(B, 10), click(C, 20), click("not a url", 30)])
    report = read(data, out, until=START + timedelta(seconds=10)).tables["clicks"]
    assert (report.read, report.kept, report.later, report.rejected) == (4, 1, 3, {})
    assert report.last == START


def test_labels_that_have_a_time_are_cut_by_until(data: Path, out: Path) -> None:
    rows = [{"url1": A, "url2": B, "quality": 3, "time": time} for time in ("2026-05-01", "2026-07-01", "")]
    write(data / "labels.csv", rows)
    report = read(data, out, until=datetime(2026, 6, 1, tzinfo=UTC)).tables["labels"]
    assert (report.kept, report.later, report.rejected) == (2, 1, {})


def test_a_naive_until_is_utc(data: Path, out: Path) -> None:
    write(data / "clicks.csv", [click(A, 0), click(B, 10)])
    assert read(data, out, until=datetime(2026, 6, 1, 0, 0, 5)).tables["clicks"].kept == 1


@pytest.mark.parametrize(
    "time",
    [
        "2026-06-01T00:00:00Z",
        "2026-06-01 00:00:00",
        "2026-06-01",
        "2026-06-01T02:00:00+02:00",
        "1780272000",
        "1780272000.0",
    ],
)
def test_a_time_may_be_iso_text_or_seconds_and_is_utc_when_naive(time: str, data: Path, out: Path) -> None:
    write(data / "clicks.csv", [{"session": "s", "url": A, "time": time}])
    read(data, out)
    assert [row["time"] for row in table(out, "clicks")] == [START]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (click("nowhere", 0), "invalid URL", "url"),
        (click("https://example.org/unknown", 0), "unknown page", "url"),
        (click(A, 0, session=""), "missing required value", "session"),
        ({"session": "s", "url": A, "time": ""}, "missing required value", "time"),
        ({"session": "s", "url": A, "time": "yesterday"}, "bad time", "time"),
        ({"session": "s", "url": A, "time": "1780272000000"}, "bad time", "time"),
        (click(A, 0, dwell_s="long"), "bad number", "dwell_s"),
        (click(A, 0, dwell_s="-1"), "bad number", "dwell_s"),
        (click(A, 0, dwell_s="inf"), "bad number", "dwell_s"),
    ],
)
def test_a_bad_click_is_rejected_with_a_reason_and_saved_in_full(
    row: Row, reason: str, field: str, data: Path, out: Path
) -> None:
    write(data / "clicks.csv", [click(B, 1), row])
    report = read(data, out).tables["clicks"]
    assert {name: rows.count for name, rows in report.rejected.items()} == {reason: 1}
    assert report.rejected[reason].examples[0].startswith(f"row 2, {field}: ")
    [line] = rejected(out)
    assert (line["table"], line["reason"], line["field"], line["row_number"]) == ("clicks", reason, field, 2)
    assert {name: value or "" for name, value in line["row"].items() if name in row} == dict(row)
    assert len(table(out, "clicks")) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (shown(B, position=-1), "bad number"),
        (shown(B, position=1.5), "bad number"),  # type: ignore[arg-type]
        (shown(B, position=99_999), "bad number"),
        (shown(B, clicked="perhaps"), "bad boolean"),
        (shown("ftp://example.org/"), "invalid URL"),
        (shown(B, random="x"), "bad boolean"),
    ],
)
def test_a_bad_impression_is_rejected_with_a_reason(row: Row, reason: str, data: Path, out: Path) -> None:
    write(data / "impressions.csv", [row, shown(C)])
    report = read(data, out).tables["impressions"]
    assert {name: rows.count for name, rows in report.rejected.items()} == {reason: 1}
    assert report.kept == 1


@pytest.mark.parametrize(("quality", "kept"), [("0", 1), ("4", 1), ("4.01", 0), ("-1", 0)])
def test_quality_must_be_0_to_4(quality: str, kept: int, data: Path, out: Path) -> None:
    write(data / "labels.csv", [{"url1": A, "url2": B, "quality": quality}])
    report = read(data, out).tables["labels"]
    assert report.kept == kept
    assert kept or report.rejected["quality out of 0 to 4"].count == 1


def test_malformed_lines_are_rejected_and_saved_in_full(data: Path, out: Path) -> None:
    (data / "clicks.csv").write_text(f"session,url,time\ns,{A},{at(0)}\ns,{A}\ns,{B},{at(1)}\na,b,c,d\n")
    (data / "labels.jsonl").write_text(
        json.dumps({"url1": A, "url2": B, "quality": 1}) + '\n{"url1": \n[1]\n\n{"x": "\\ud8"}\n'
    )
    report = read(data, out)
    assert {name: part.rejected["malformed row"].count for name, part in report.tables.items() if part.rejected} == {
        "clicks": 2,
        "labels": 3,
    }
    assert report.tables["clicks"].rejected["malformed row"].examples[0] == f'line 3: "s,{A}"'
    assert {str(line["row"]) for line in rejected(out)} == {f"s,{A}", "a,b,c,d", '{"url1": ', "[1]", '{"x": "\\ud8"}'}


def test_the_row_counts_add_up(data: Path, out: Path) -> None:
    rows = [click(A, 0), click(A, 1), click("x", 2), click(B, 3), click(B, 99), click("https://example.org/z", 4)]
    write(data / "clicks.jsonl", rows)
    part = read(data, out, until=START + timedelta(seconds=50)).tables["clicks"]
    assert part.read == part.kept + part.later + part.reloads + sum(rows.count for rows in part.rejected.values()) == 6


def test_a_column_that_only_later_json_rows_have_is_read(data: Path, out: Path) -> None:
    write(data / "clicks.jsonl", [*[click(A, i, f"s{i}") for i in range(1500)], click(C, 2000, "s", dwell_s=7)])
    read(data, out)
    assert [row["dwell_s"] for row in table(out, "clicks") if row["page"] == page_id(C)] == [7]


def test_columns_of_convertible_types_are_read(data: Path, out: Path) -> None:
    columns = {
        "session": pa.array([1, 1]),
        "url": pa.array([A, B]).dictionary_encode(),
        "time": pa.array([START, START + timedelta(1)]).cast(pa.timestamp("ns")),
        "dwell_s": pa.array([1.0, float("nan")]),
    }
    pq.write_table(pa.table(columns), data / "clicks.parquet")
    read(data, out)
    assert [(row["time"], row["dwell_s"]) for row in table(out, "clicks")] == [(START, 1), (START + timedelta(1), None)]


def test_an_optional_column_of_nulls_may_have_any_type(data: Path, out: Path) -> None:
    write(data / "pages.parquet", [{**row, "body": None, "published": None} for row in PAGES])
    read(data, out)
    assert {row["body"] for row in table(out, "pages")} == {""}


def test_tables_that_are_not_given_are_written_empty(data: Path, out: Path) -> None:
    report = read(data, out)
    assert set(report.tables) == {"pages"}
    assert [pq.read_table(out / f"{name}.parquet").num_rows for name in ("clicks", "impressions", "labels")] == [0] * 3
    empty = pq.read_schema(out / "clicks.parquet")
    write(data / "clicks.csv", [click(A, 0)])
    read(data, out)
    filled = pq.read_schema(out / "clicks.parquet")
    assert (filled.names, filled.types) == (empty.names, empty.types)


def test_other_files_in_the_directory_are_ignored(data: Path, out: Path) -> None:
    (data / "sparse_clicks.parquet").write_text("not parquet")
    assert set(read(data, out).tables) == {"pages"}
    assert not list(out.glob(".reading*"))


def test_explicit_files_are_read(tmp_path: Path, out: Path) -> None:
    pages, clicks = write(tmp_path / "p.csv", PAGES), write(tmp_path / "c.jsonl", [click(A, 0)])
    assert read({"pages": pages, "clicks": clicks}, out).tables["clicks"].kept == 1


def test_a_report_can_be_written_as_json(data: Path, out: Path) -> None:
    write(data / "clicks.csv", [click(A, 0), click("x", 1)])
    report = json.loads(json.dumps(read(data, out).as_dict()))
    assert report["clicks"]["rejected"]["invalid URL"]["count"] == 1
    assert report["clicks"]["first"] == START.isoformat()


def test_the_same_input_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    write(data / "clicks.csv", [click(url, i, f"s{i % 7}") for i, url in enumerate([A, B, C] * 100)])
    read(data, tmp_path / "one")
    read(data, tmp_path / "two")
    for name in ("pages", "clicks"):
        assert (tmp_path / f"one/{name}.parquet").read_bytes() == (tmp_path / f"two/{name}.parquet").read_bytes()


def fails(data: Path, out: Path, *parts: str) -> None:
    with pytest.raises(InputError) as error:
        read(data, out)
    for part in parts:
        assert part in str(error.value)


def test_a_row_longer_than_the_header_is_not_taken_for_the_header(data: Path, out: Path) -> None:
    rows = "".join(f"s,{A},{at(i)},extra\n" for i in range(30))
    (data / "clicks.csv").write_text(f"session,url,time\n{rows}s,{B},{at(99)}\n")
    part = read(data, out).tables["clicks"]
    assert (part.kept, part.rejected["malformed row"].count) == (1, 30)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_line_that_is_not_utf8_is_rejected(suffix: str, data: Path, out: Path) -> None:
    file = write(data / f"clicks{suffix}", [click(A, 0), click(B, 1, session="S!"), click(C, 2)])
    file.write_bytes(file.read_bytes().replace(b"S!", b"\xff\xfe"))
    part = read(data, out).tables["clicks"]
    assert (part.kept, part.rejected["malformed row"].count) == (2, 1)
    assert len(rejected(out)) == 1


def test_two_files_for_one_table_are_an_error(data: Path, out: Path) -> None:
    write(data / "pages.csv", PAGES)
    fails(data, out, "pages.parquet", "pages.csv", "keep one")


def test_missing_pages_are_an_error(tmp_path: Path, out: Path) -> None:
    fails(tmp_path, out, "pages", "add pages.parquet")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_the_error_for_a_missing_column_names_file_columns_and_fix(suffix: str, data: Path, out: Path) -> None:
    write(data / f"clicks{suffix}", [{"session": "s", "link": A, "time": at(0)}])
    fails(data, out, f"clicks{suffix}", "'url' is missing", "session", "link", "add it", "http")
    assert not list(out.glob("*.parquet"))


def test_a_column_with_a_wrong_type_is_an_error(data: Path, out: Path) -> None:
    write(data / "clicks.parquet", [{"session": "s", "url": 5, "time": at(0)}])
    fails(data, out, "clicks.parquet", "'url'", "BIGINT", "URL")


def test_a_text_column_with_only_unreadable_values_is_an_error(data: Path, out: Path) -> None:
    write(data / "clicks.csv", [{"session": "s", "url": A, "time": "1 June"} for _ in range(20)])
    fails(data, out, "clicks.csv", "'time'", "'1 June'", "ISO 8601")


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", b"\xff\xfe\x00"])
def test_a_corrupt_file_is_an_error_that_names_it(content: bytes, data: Path, out: Path) -> None:
    (data / "clicks.parquet").write_bytes(content)
    fails(data, out, "clicks.parquet", "could not be read")


def test_no_valid_page_is_an_error_with_the_reasons(data: Path, out: Path) -> None:
    write(data / "pages.parquet", [{"url": "/relative", "title": "t", "snippet": "s"}])
    fails(data, out, "none of 1 rows is a valid page", "invalid URL: 1", "/relative")


def test_a_path_with_a_quote_in_it_is_read(tmp_path: Path) -> None:
    odd = tmp_path / "o'dd; drop"
    odd.mkdir()
    write(odd / "pages.csv", PAGES)
    assert read(odd, odd / "out").tables["pages"].kept == 3


def test_reading_uses_the_given_memory_limit(data: Path, out: Path) -> None:
    with pytest.raises(duckdb.Error, match="Memory"):
        read(data, out, memory="as much as there is")
