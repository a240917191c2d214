"""Input tables as other programs export them: every row is read or reported as rejected."""

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.schema import InputError
from corpus.tables.reader import read
from tests.corpus.tables.exports import (
    CLICKS,
    CSV,
    JSON,
    NINE,
    PAGES,
    URLS,
    export,
    outcome,
    read_clicks,
    table,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("clicks.ndjson", JSON),
        ("clicks.json", JSON),
        ("clicks.json", f"[{JSON.strip().replace(chr(10), ',')}]"),
        ("clicks.json", "\n".join(json.dumps(json.loads(line), indent=1) for line in JSON.splitlines())),
        ("clicks.jsonl", f"\ufeff{JSON}"),
        ("clicks.jsonl.bz2", bz2.compress(JSON.encode())),
        ("clicks.csv.bz2", bz2.compress(CSV.encode())),
        ("clicks.csv.gz", gzip.compress(CSV[:99].encode(), mtime=0) + gzip.compress(CSV[99:].encode(), mtime=0)),
        ("clicks.csv", f"\ufeff{CSV}"),
        ("clicks.csv", CSV.encode("utf-16")),
        ("clicks.csv", b"\xfe\xff" + CSV.encode("utf-16-be")),
        ("clicks.csv", CSV.encode("utf-16-le")),
        ("clicks.csv", CSV.replace("\n", "\r\n")),
        ("clicks.csv", CSV.replace("\n", "\r")),
        ("clicks.csv", f"sep=;\n{export(separator=';')}"),
        ("clicks.csv", f"\n{CSV}"),
        ("clicks.tsv", export(separator="\t")),
        ("clicks.csv", export(separator=";")),
        ("clicks.csv", export(separator="\t")),
        ("clicks.csv", export(separator="|")),
        ("clicks.csv/part-00000", CSV),
        ("Clicks/part.csv", CSV),
    ],
)
def test_rows_are_read_from_every_export_format(name: str, content: str | bytes, tmp_path: Path) -> None:
    part = read_clicks(tmp_path, name, content)
    assert (part.read, part.kept) == (10, 10)
    assert sorted(row["time"] for row in table(tmp_path, "clicks")) == [time for *_, time in CLICKS]


@pytest.mark.parametrize(
    ("time", "unit"),
    [
        (lambda t: int(t.timestamp()), None),
        (lambda t: int(t.timestamp() * 1e3), "milliseconds"),
        (lambda t: int(t.timestamp() * 1e6), "microseconds"),
        (lambda t: int(t.timestamp()) * 10**9, "nanoseconds"),
        (lambda t: f"{t:%Y%m%dT%H%M%SZ}", None),
        (lambda t: f'"{t:%Y-%m-%dT%H:%M:%S,000Z}"', None),
        (lambda t: f"{t:%Y-%m-%d %H:%M:%S +0000}", None),
        (lambda t: f"{t:%Y%m%d%H%M%S}", None),
    ],
)
def test_times_are_read_and_their_unit_is_reported(
    time: Callable[[datetime], object], unit: str | None, tmp_path: Path
) -> None:
    part = read_clicks(tmp_path, content=export(time))
    assert sorted(row["time"] for row in table(tmp_path, "clicks")) == [time for *_, time in CLICKS]
    assert part.notes == ((f"clicks.csv: 'time' read as {unit} since 1970",) if unit else ())


def test_the_unit_of_numbers_in_a_parquet_file_is_detected_too(tmp_path: Path) -> None:
    columns = {"session": ["a", "b"], "url": URLS[:2], "time": [int(NINE.timestamp()) * 10**6] * 2}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "data" / "clicks.parquet")
    outcome(tmp_path, {})
    assert [row["time"] for row in table(tmp_path, "clicks")] == [NINE] * 2


def test_a_column_with_two_units_is_an_error_that_names_them(tmp_path: Path) -> None:
    seconds, milliseconds = export(lambda t: int(t.timestamp())), export(lambda t: int(t.timestamp() * 1000))
    with pytest.raises(
        InputError, match=r"'time' has 10 numbers that look like seconds .* 10 that look like milliseconds"
    ):
        read_clicks(tmp_path, content=seconds + milliseconds.partition("\n")[2])


def test_the_parts_of_a_table_are_read_as_one_table(tmp_path: Path) -> None:
    head, *rows = CSV.splitlines(keepends=True)
    other = "".join(f"{','.join(reversed(row.strip().split(',')))}\n" for row in rows[5:])
    files: dict[str, str | bytes] = {
        "clicks/a.csv": "".join([head, *rows[:5]]),
        "clicks/b.csv.gz": gzip.compress(f"time,url,session\n{other}nonsense\n".encode()),
    }
    part = outcome(tmp_path, files).tables["clicks"]
    assert (part.read, part.kept) == (11, 10)
    assert part.rejected["malformed row"].examples[0].startswith("b.csv.gz line 7")
    [line] = [json.loads(line) for line in (tmp_path / "out/rejected.jsonl").read_text().splitlines()]
    assert (line["file"], line["row_number"]) == ("b.csv.gz", -7)


def test_parquet_parts_may_have_different_columns(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "clicks.parquet"
    directory.mkdir(parents=True)
    first = {"session": ["1", "2"], "url": URLS[:2], "time": [NINE, NINE], "dwell_s": [1.0, None]}
    pq.write_table(pa.table(first), directory / "part-0000.parquet")
    pq.write_table(pa.table({"url": URLS[2:3], "session": [3], "time": [NINE]}), directory / "part-0001.parquet")
    (directory / "_SUCCESS").write_text("")
    assert outcome(tmp_path, {}).tables["clicks"].kept == 3
    assert sorted(str(row["dwell_s"]) for row in table(tmp_path, "clicks")) == ["1.0", "None", "None"]


def test_parquet_parts_may_have_different_types(tmp_path: Path) -> None:
    (tmp_path / "data" / "clicks").mkdir(parents=True)
    urls = pa.array(URLS[:3])
    stamps = pa.array([NINE] * 3, pa.timestamp("us", "UTC"))
    nine = int(NINE.timestamp())
    columns: list[dict[str, Any]] = [
        {"session": ["a", "b", "c"], "time": stamps, "dwell_s": pa.array([1, 2, 3], pa.int32())},
        {"session": [1, 2, 3], "time": [nine] * 3, "dwell_s": pa.array([1, float("nan"), 3], pa.float32())},
        {"session": ["d", "e", "f"], "time": [NINE.isoformat()] * 3, "dwell_s": pa.nulls(3)},
        {"session": pa.nulls(3), "time": stamps, "dwell_s": pa.array(["4", "NA", "6"])},
    ]
    for i, rest in enumerate(columns):
        pq.write_table(pa.table({"url": urls, **rest}), tmp_path / "data" / "clicks" / f"{i}.parquet")
    clicks = outcome(tmp_path, {}).tables["clicks"]
    assert (clicks.kept, clicks.rejected["missing required value"].count, len(clicks.rejected)) == (9, 3, 1)
    assert (clicks.first, clicks.last) == (NINE, NINE)
    assert sorted(row["dwell_s"] or 0 for row in table(tmp_path, "clicks")) == [0, 0, 0, 0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("dwell", [pa.float32(), pa.float64()])
def test_nan_in_parquet_is_a_missing_value(dwell: pa.DataType, tmp_path: Path) -> None:
    rows = {"session": ["a", "b"], "url": URLS[:2], "time": [NINE] * 2, "dwell_s": pa.array([1, float("nan")], dwell)}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(rows), tmp_path / "data" / "clicks.parquet")
    assert outcome(tmp_path, {}).tables["clicks"].kept == 2
    assert [row["dwell_s"] for row in table(tmp_path, "clicks")] == [1, None]


def test_a_column_of_nulls_is_empty(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pages = {"url": URLS, "title": ["Page"] * 5, "snippet": pa.nulls(5)}
    pq.write_table(pa.table(pages), tmp_path / "data" / "pages.parquet")
    assert read(tmp_path / "data", tmp_path / "out").tables["pages"].kept == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("clicks.csv/part-0.csv", b""),
        ("clicks.csv/part-2.csv", b"\n"),
        ("clicks.csv/part-2.csv.gz", gzip.compress(b"", mtime=0)),
        ("clicks.csv/part-2.csv", b"session,url,time\n"),
    ],
)
def test_an_empty_part_is_skipped(name: str, content: bytes, tmp_path: Path) -> None:
    clicks = outcome(tmp_path, {"clicks.csv/part-1.csv": CSV, name: content}).tables["clicks"]
    assert (clicks.read, clicks.kept) == (10, 10)


@pytest.mark.parametrize(
    ("name", "content"), [("clicks.json", b"[]"), ("clicks.jsonl.gz", gzip.compress(b"", mtime=0))]
)
def test_json_without_rows_is_an_empty_table(name: str, content: bytes, tmp_path: Path) -> None:
    assert read_clicks(tmp_path, name, content).read == 0


@pytest.mark.parametrize("closed", [False, True])
def test_an_unclosed_quote_loses_only_its_own_line(closed: bool, tmp_path: Path) -> None:
    lines = [f"s{i},{URLS[i % 5]},{NINE.isoformat()}" for i in range(3000)]
    lines[10] = lines[10].replace(",", ',"', 1)
    lines[40] = lines[40].replace(",2026", '",2026') if closed else lines[40]  # where DuckDB would end the quoted field
    part = read_clicks(tmp_path, content="\n".join(["session,url,time", *lines]) + "\n")
    assert (part.read, part.kept) == (3000, 2998 if closed else 2999)
    assert part.rejected["malformed row"].examples[0].startswith("line 12:")
    assert "clicks.csv: line 12 opens a quote that is never closed" in part.notes


def test_text_may_contain_line_ends_and_quotes(tmp_path: Path) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("url", "title", "snippet"), *[(url, 'a "b"\n\nc', "x\ny") for url in URLS]])
    part = outcome(tmp_path, {}, out.getvalue()).tables["pages"]
    assert (part.read, part.kept, part.notes) == (5, 5, ())


def test_an_unsupported_encoding_is_named(tmp_path: Path) -> None:
    lines = PAGES.replace("Page", "Straße").encode("latin-1")
    with pytest.raises(InputError, match=r"line 2 is not UTF-8 .*Windows-1252"):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "pages.csv").write_bytes(lines)
        read(tmp_path / "data", tmp_path / "out")
    (tmp_path / "data" / "pages.csv").write_bytes("url,title,Straße,snippet\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"first line is not UTF-8 .*Windows-1252"):
        read(tmp_path / "data", tmp_path / "out")


def test_a_corrupt_text_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name, content in (("clicks.csv.gz", gzip.compress(CSV.encode())[:60]), ("clicks.csv.bz2", b"no")):
        with pytest.raises(InputError, match=rf"{name} could not be read"):
            read_clicks(tmp_path / name, name, content)
