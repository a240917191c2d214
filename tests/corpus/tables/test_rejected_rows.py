"""Rows that are rejected, with a reason and in full; and times in any spelling."""

import json
from pathlib import Path

import pytest

from corpus.tables.reader import read
from tests.corpus.tables.input_rows import START, A, B, C, Row, at, click, rejected, shown, table, write


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
