"""Reading the input tables: formats, rejected rows, clear errors, what is written."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.tables.reader import read
from corpus.urls.url import address_key, canonical, host_id, page_id, rules_of
from tests.corpus.tables.input_rows import PAGES, START, A, B, C, click, rejected, shown, table, write


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
