"""The input table `knowledge`: checked as the others are."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from corpus.tables.reader import REJECTED, read

PAGES = "url,title,snippet\nhttps://a.example/fox,Fox,Red.\nhttps://a.example/wolf,Wolf,Grey.\n"
ROWS = (
    '{"url": "http://www.a.example/fox/", "text": "Foxes hunt mice."}\n'
    '{"url": "https://a.example/fox", "text": "A second article."}\n'
    '{"url": "https://a.example/bear", "text": "Bears sleep."}\n'
    '{"url": "https://a.example/wolf", "text": "  "}\n'
)


def written(directory: Path, knowledge: str | None) -> Path:
    (directory / "data").mkdir()
    (directory / "data" / "pages.csv").write_text(PAGES)
    if knowledge is not None:
        (directory / "data" / "knowledge.jsonl").write_text(knowledge)
    return directory / "data"


def test_texts_of_unknown_pages_and_empty_ones_are_counted(tmp_path: Path) -> None:
    report = read(written(tmp_path, ROWS), tmp_path / "read").tables["knowledge"]
    assert (report.read, report.kept, report.respelt) == (4, 1, 1)
    assert {reason: rows.count for reason, rows in report.rejected.items()} == {
        "duplicate": 1,
        "missing required value": 1,
        "unknown page": 1,
    }
    rejected = [json.loads(line) for line in (tmp_path / "read" / REJECTED).read_text().splitlines()]
    assert {(row["table"], row["row_number"]) for row in rejected} == {
        ("knowledge", 2),
        ("knowledge", 3),
        ("knowledge", 4),
    }


def test_the_first_text_of_a_page_is_kept(tmp_path: Path) -> None:
    read(written(tmp_path, ROWS), tmp_path / "read")
    assert pq.read_table(tmp_path / "read" / "knowledge.parquet")["text"].to_pylist() == ["Foxes hunt mice."]


def test_a_very_long_text_is_cut(tmp_path: Path) -> None:
    row = json.dumps({"url": "https://a.example/fox", "text": "fox " * 100_000})
    read(written(tmp_path, row + "\n"), tmp_path / "read")
    (text,) = pq.read_table(tmp_path / "read" / "knowledge.parquet")["text"].to_pylist()
    assert len(text) == 100_000


def test_without_the_table_there_are_no_texts(tmp_path: Path) -> None:
    assert "knowledge" not in read(written(tmp_path, None), tmp_path / "read").tables
    assert pq.read_table(tmp_path / "read" / "knowledge.parquet").num_rows == 0
