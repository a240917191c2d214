from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from store.label_file import Label, LabelFile, LabelFileError

FOX = Label("https://a.example/fox", "https://a.example/owl", 3)


def rows(directory: Path) -> list[dict]:
    return [orjson.loads(line) for path in directory.iterdir() for line in path.read_bytes().splitlines()]


def test_a_label_is_a_row_of_the_table_labels(tmp_path: Path) -> None:
    LabelFile(tmp_path / "labels", "explorer").add(FOX)
    (row,) = rows(tmp_path / "labels")
    assert row.pop("time").endswith("+00:00")
    assert row == {**FOX._asdict(), "source": "explorer"}


def test_labels_of_many_writers_are_whole_lines(tmp_path: Path) -> None:
    files = [LabelFile(tmp_path, "explorer") for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: files[number % 4].add(FOX._replace(quality=number % 5)), range(100)))
    assert sorted(row["quality"] for row in rows(tmp_path)) == sorted([*range(5)] * 20)


def test_labels_are_appended_to_those_of_an_earlier_process(tmp_path: Path) -> None:
    for quality in (1, 4):
        LabelFile(tmp_path, "explorer").add(FOX._replace(quality=quality))
    assert [row["quality"] for row in rows(tmp_path)] == [1, 4]


def test_a_full_file_refuses_a_label_and_keeps_the_others(tmp_path: Path) -> None:
    file = LabelFile(tmp_path, "explorer", most_bytes=300)
    file.add(FOX)
    with pytest.raises(LabelFileError, match=r"300 bytes.*rate again"):
        for _ in range(3):
            file.add(FOX)
    assert {row["quality"] for row in rows(tmp_path)} == {3}


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = LabelFile(tmp_path, "explorer"), os.write
    file.add(FOX)
    monkeypatch.setattr("store.label_file.os.write", lambda number, line: write(number, line[:10]))
    with pytest.raises(LabelFileError, match="disk is full"):
        file.add(FOX)
    monkeypatch.undo()
    file.add(FOX)
    assert len(rows(tmp_path)) == 2


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelFileError, match="file/labels cannot be made"):
        LabelFile(tmp_path / "file" / "labels", "explorer")
