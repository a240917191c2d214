"""Rows of malformed text files: each line is part of a row or reported as broken."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.files.formats import Kind, Packing
from corpus.files.text_lines import Broken, CsvRows, json_rows, survey

HEADER = "a,b,c\n"


def rows(path: Path, one_line: tuple[int, ...] = (0, 2)) -> list[list[str] | Broken]:
    return list(CsvRows(path, Packing.NONE, b"\n", ",", 3, frozenset(one_line), after=1))


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_quoted_field_may_contain_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, f'{HEADER}1,"two\nlines, ""quoted""",3\n4,5,6\n')
    assert rows(path) == [["1", 'two\nlines, "quoted"', "3"], ["4", "5", "6"]]
    assert survey(path, Packing.NONE, b"\n", Kind.CSV).rows == 3


@pytest.mark.parametrize("closing", ["", '7,8",9\n', '7,8"\n'])
def test_an_unclosed_quote_loses_only_its_own_line(closing: str, tmp_path: Path) -> None:
    good = "".join(f"{i},x,{i}\n" for i in range(5))
    found = rows(written(tmp_path, f'{HEADER}0,x,0\n1,"open,2\n{good}{closing}'), one_line=(0, 1, 2))
    broken = [row for row in found if isinstance(row, Broken)]
    assert (broken[0].number, broken[0].why) == (3, "opens a quote that is never closed")
    kept = [row for row in found if isinstance(row, list)]
    assert kept[:6] == [["0", "x", "0"], *([str(i), "x", str(i)] for i in range(5))]


def test_a_quote_inside_an_unquoted_field_is_a_plain_character(tmp_path: Path) -> None:
    assert rows(written(tmp_path, f'{HEADER}1,a 5" screen,3\n')) == [["1", 'a 5" screen', "3"]]


def test_a_malformed_line_says_why(tmp_path: Path) -> None:
    found = rows(written(tmp_path, HEADER.encode() + b'1,2\n1,2,3,4\n1,\xe9,3\n1,"x"y,3\n'))
    assert [row.why for row in found if isinstance(row, Broken)] == [
        "has 2 fields but the header has 3",
        "has 4 fields but the header has 3",
        "is not UTF-8",
        "has a quote in the wrong place",
    ]


def test_json_lines_that_are_not_utf8_are_broken(tmp_path: Path) -> None:
    found = list(json_rows(written(tmp_path, b'{"a": 1}\n\n{"a": "\xff"}\r\n{}\n'), Packing.NONE, b"\n"))
    assert [row if isinstance(row, str) else row[::2] for row in found] == ['{"a": 1}', (3, "is not UTF-8"), "{}"]


@pytest.mark.parametrize("text", [b"\xff\n", b"a\rb\nc\n", b'"open\n'])
def test_a_file_that_duckdb_could_misread_is_not_plain(text: bytes, tmp_path: Path) -> None:
    assert not survey(written(tmp_path, b"a,b\n" + text), Packing.NONE, b"\n", Kind.CSV).plain


FIELD = st.text(st.sampled_from('ab",\n é'), max_size=6)
LINE = st.one_of(
    st.tuples(FIELD, FIELD, FIELD).map(lambda row: _line(row)),
    st.text(st.sampled_from('ab",é'), max_size=12).map(lambda text: f"{text}\n"),
)


def _line(row: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue()


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(LINE, max_size=12))
def test_every_line_is_part_of_a_row_or_broken(tmp_path: Path, lines: list[str]) -> None:
    text = HEADER + "".join(lines)
    found = rows(written(tmp_path, text), one_line=())
    fields = [field for row in found if isinstance(row, list) for field in row]
    of_rows = len(found) - sum(isinstance(row, Broken) for row in found) + sum(field.count("\n") for field in fields)
    broken = sum(isinstance(row, Broken) for row in found)
    # An empty line is skipped outside of quotes, and part of a field inside.
    empty = sum(not line for line in text.split("\n")[:-1])
    held = sum(not line for field in fields for line in field.split("\n")[1:-1])
    assert of_rows + broken + empty - held == text.count("\n") - 1
