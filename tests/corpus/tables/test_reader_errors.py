"""Input tables that cannot be read: errors name the file, the problem and the fix."""

from pathlib import Path

import duckdb
import pytest

from corpus.schema import InputError
from corpus.tables.reader import read
from tests.corpus.tables.input_rows import PAGES, A, B, C, at, click, rejected, write


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
