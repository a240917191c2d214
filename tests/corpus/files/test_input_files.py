"""Finding the input tables by name: accepted names, parts, what is passed over."""

from pathlib import Path

import pytest

from corpus.files.input_files import find, look, parts_of
from corpus.schema import InputError


def directory(tmp_path: Path, *names: str) -> Path:
    for name in ("pages.csv", *names):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "clicks.csv", "clicks.tsv", "clicks.json", "clicks.jsonl", "clicks.ndjson", "clicks.parquet", "clicks.parq",
        "clicks.csv.gz", "clicks.ndjson.zst", "clicks.tsv.bz2", "Clicks.csv", "CLICKS.CSV.GZ", "click.csv",
        "Click.Json", "clicks-000.parquet", "clicks_0001.csv", "clicks-2026-05-01.csv", "clicks_0_0_0.csv.gz",
        "clicks-part-00001.csv", "clicks.parquet/part-0000.parquet", "clicks.snappy.parquet", "clicks-0.zstd.parquet",
        "clicks-00001-of-00010.csv", "clicks_2026-05-01T09.csv", "clicks_20260501T090000Z.jsonl.gz",
        "clicks/part-0.csv", "clicks.csv/part-00000", "Click/a/b=1/x.parquet",
    ],
)  # fmt: skip
def test_a_table_may_be_named_as_exports_name_it(name: str, tmp_path: Path) -> None:
    found = look(directory(tmp_path, name))
    assert found.tables["clicks"] == (tmp_path / name,)
    assert found.passed_over == ()


def test_parts_are_in_order_and_marks_are_none(tmp_path: Path) -> None:
    names = ["part-1.parquet", "part-0.parquet", "_SUCCESS", ".part-0.parquet.crc", "_delta_log/0.json", "x.crc"]
    data = directory(tmp_path, *(f"clicks.parquet/{name}" for name in names), ".hidden", "_SUCCESS")
    assert [path.name for path in find(data)["clicks"]] == ["part-0.parquet", "part-1.parquet"]
    assert look(data).passed_over == ()


def test_a_file_beside_the_parts_gets_a_line(tmp_path: Path) -> None:
    found = look(directory(tmp_path, "clicks/part-0.csv", "clicks/day=2/part-1.csv.snappy", "clicks/_SUCCESS"))
    assert found.tables["clicks"] == (tmp_path / "clicks/part-0.csv",)
    [line] = found.passed_over
    assert line.startswith("clicks/day=2/part-1.csv.snappy is not read, its ending is unknown")


def test_numbered_files_are_parts_of_one_table(tmp_path: Path) -> None:
    data = directory(tmp_path, "clicks-001.csv", "clicks-000.csv", "clicks-002.csv.gz")
    assert [path.name for path in find(data)["clicks"]] == ["clicks-000.csv", "clicks-001.csv", "clicks-002.csv.gz"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clicks.xlsx", "write clicks.csv or clicks.parquet"),
        ("clicks.csv.zip", "write clicks.csv or clicks.parquet"),
        ("clicks_old.csv", "name it clicks.csv"),
        ("clikcs.csv.gz", "name it clicks.csv.gz"),
        ("clicks.v2.csv", "name it clicks.csv"),
        ("clikcs.snappy.parquet", "name it clicks.snappy.parquet"),
        ("sparse_impressions.parquet", "name it impressions.parquet"),
        ("my-label/x.csv", "name it labels/"),
        ("clicks/readme.md", "no file in it has a known ending"),
        ("visits.csv", "the tables are pages, clicks, impressions, labels"),
    ],
)
def test_what_is_not_read_gets_a_line_with_the_name_it_should_have(name: str, words: str, tmp_path: Path) -> None:
    [line] = look(directory(tmp_path, name)).passed_over
    assert line.startswith(name.partition("/")[0])
    assert "is not read" in line
    assert words in line


@pytest.mark.parametrize(
    "names",
    [
        ("clicks.csv", "clicks.jsonl"),
        ("clicks.csv", "click.csv"),
        ("clicks.csv", "clicks-000.csv"),
        ("clicks/a.csv", "clicks.csv"),
    ],
)
def test_two_candidates_for_one_table_are_an_error(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds both .* and .*: keep one"):
        look(directory(tmp_path, *names))


def test_parts_of_two_kinds_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="different kinds"):
        look(directory(tmp_path, "clicks/a.csv", "clicks/b.parquet"))


def test_no_pages_are_an_error_that_says_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "pages.xlsx").write_text("")
    with pytest.raises(InputError, match=r"add pages\.parquet.*pages\.xlsx is not read"):
        look(tmp_path)


def test_a_directory_without_tables_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory without table files"):
        parts_of(tmp_path)
