"""Finding the input tables by name: accepted names, parts, ignored files."""

from pathlib import Path

import pytest

from corpus.files.input_files import find, find_inputs, parts_of
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
def test_common_names_of_exports_are_accepted(name: str, tmp_path: Path) -> None:
    found = find_inputs(directory(tmp_path, name))
    assert found.tables["clicks"] == (tmp_path / name,)
    assert found.ignored == ()


def test_parts_are_sorted_and_marker_files_are_skipped(tmp_path: Path) -> None:
    names = ["part-1.parquet", "part-0.parquet", "_SUCCESS", ".part-0.parquet.crc", "_delta_log/0.json", "x.crc"]
    data = directory(tmp_path, *(f"clicks.parquet/{name}" for name in names), ".hidden", "_SUCCESS")
    assert [path.name for path in find(data)["clicks"]] == ["part-0.parquet", "part-1.parquet"]
    assert find_inputs(data).ignored == ()


def test_a_file_that_is_not_a_part_is_reported(tmp_path: Path) -> None:
    found = find_inputs(directory(tmp_path, "clicks/part-0.csv", "clicks/day=2/part-1.csv.snappy", "clicks/_SUCCESS"))
    assert found.tables["clicks"] == (tmp_path / "clicks/part-0.csv",)
    [line] = found.ignored
    assert line.startswith("clicks/day=2/part-1.csv.snappy is ignored, unknown extension")


def test_numbered_files_are_parts_of_one_table(tmp_path: Path) -> None:
    data = directory(tmp_path, "clicks-001.csv", "clicks-000.csv", "clicks-002.csv.gz")
    assert [path.name for path in find(data)["clicks"]] == ["clicks-000.csv", "clicks-001.csv", "clicks-002.csv.gz"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("clicks.xlsx", "write clicks.csv or clicks.parquet"),
        ("clicks.csv.zip", "write clicks.csv or clicks.parquet"),
        ("clicks_old.csv", "rename it to clicks.csv"),
        ("clikcs.csv.gz", "rename it to clicks.csv.gz"),
        ("clicks.v2.csv", "rename it to clicks.csv"),
        ("clikcs.snappy.parquet", "rename it to clicks.snappy.parquet"),
        ("sparse_impressions.parquet", "rename it to impressions.parquet"),
        ("my-label/x.csv", "rename it to labels/"),
        ("clicks/readme.md", "no file in it has a known extension"),
        ("visits.csv", "the tables are pages, clicks, impressions, labels"),
    ],
)
def test_an_ignored_entry_is_reported_with_the_name_it_should_have(name: str, advice: str, tmp_path: Path) -> None:
    [line] = find_inputs(directory(tmp_path, name)).ignored
    assert line.startswith(name.partition("/")[0])
    assert "is ignored" in line
    assert advice in line


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
    with pytest.raises(InputError, match=r"has both .* and .*: keep one"):
        find_inputs(directory(tmp_path, *names))


def test_parts_in_two_formats_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="different formats"):
        find_inputs(directory(tmp_path, "clicks/a.csv", "clicks/b.parquet"))


def test_missing_pages_are_an_error_that_lists_ignored_files(tmp_path: Path) -> None:
    (tmp_path / "pages.xlsx").write_text("")
    with pytest.raises(InputError, match=r"add pages\.parquet.*pages\.xlsx is ignored"):
        find_inputs(tmp_path)


def test_a_directory_without_table_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory without table files"):
        parts_of(tmp_path)
