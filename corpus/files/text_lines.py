"""Counts the lines of a text file before DuckDB reads it, and parses files that DuckDB would lose rows of.

DuckDB skips what it cannot parse; after a quote that is never closed, that is the rest of the file. So rows are counted
here first. If the counts differ, or the file is unusual, the rows are parsed one by one, and each malformed line is
recorded.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from corpus.files.formats import Kind, Packing
from corpus.files.text_bytes import lines, opened

LONGEST_ROW = 16 << 20  # bytes
# A lone surrogate escape, as truncating a text leaves it: DuckDB's JSON rejects it.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_MOST_LINES = 10_000  # per row; if a quote is still open then, it is a stray one


class Broken(NamedTuple):
    """A malformed line."""

    number: int  # of the line, from 1
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The number of rows in a file, and whether DuckDB can read it as is."""

    rows: int  # including the header
    plain: bool
    several_lines: bool  # some quoted field contains a line end


def survey(path: Path, packing: Packing, newline: bytes, kind: Kind) -> Survey:
    """Count the rows of a file. In CSV, a line end inside quotes does not end a row."""
    rows, plain, inside, several = 0, newline == b"\n", False, False
    with opened(path, packing) as file:
        for some in lines(file, newline, LONGEST_ROW):
            data = b"\n".join(some)
            plain = plain and _is_plain(some, data, kind)
            if kind is Kind.JSON or (not inside and b'"' not in data):
                rows += len(some) - some.count(b"") - some.count(b"\r")
                continue
            for line in some:
                begun = inside
                if line.count(b'"') & 1:
                    inside, several = not inside, True
                rows += not inside and (begun or line not in (b"", b"\r"))
    return Survey(rows, plain and not inside, several)


def _is_plain(some: list[bytes], data: bytes, kind: Kind) -> bool:
    """Return whether DuckDB can read these lines as is: UTF-8, none too long, no mixed line ends."""
    if len(data) > LONGEST_ROW and max(map(len, some)) > LONGEST_ROW:
        return False
    if data.count(b"\r") != sum(line.endswith(b"\r") for line in some):
        return False
    if kind is Kind.JSON and (b"\x01" in data or (b"\\u" in data and _LONE_SURROGATE.search(data))):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def json_rows(path: Path, packing: Packing, newline: bytes) -> Iterator[str | Broken]:
    """Yield the non-empty lines of a file as text, or Broken if they are not valid text."""
    with opened(path, packing) as file:
        for number, line in enumerate(chain.from_iterable(lines(file, newline, LONGEST_ROW)), 1):
            text = numbered_text(number, without_lone_surrogates(line))
            if isinstance(text, Broken):
                yield text
            elif text.strip():
                yield Broken(number, text, "contains a control character") if "\x01" in text else text


def without_lone_surrogates(line: bytes) -> bytes:
    """Return a line of JSON with U+FFFD for each lone surrogate escape."""
    return _LONE_SURROGATE.sub(rb"\\ufffd", line)


def numbered_text(number: int, line: bytes) -> str | Broken:
    """Return a line as text without its end; Broken if it is too long or not UTF-8."""
    line = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).removesuffix(b"\r")
    if len(line) > LONGEST_ROW:
        return Broken(number, line[:1000].decode(errors="replace"), f"is longer than {LONGEST_ROW >> 20} MB")
    try:
        return line.decode()
    except UnicodeDecodeError:
        return Broken(number, line.decode(errors="replace"), "is not UTF-8")


class CsvRows:
    """Iterates over the rows of a CSV file, each with as many fields as the header, and over its malformed lines."""

    def __init__(
        self,
        path: Path,
        packing: Packing,
        newline: bytes,
        delimiter: str,
        width: int,
        one_line: frozenset[int],
        after: int = 0,
        encoding: str = "utf-8",
    ) -> None:
        """`one_line`: indices of fields that never contain a line end; `after`: number of lines to skip."""
        self._source, self._newline, self._after = (path, packing, encoding), newline, after
        self._delimiter, self._width, self._one_line = delimiter, width, one_line
        self._pushed_back: deque[tuple[int, bytes]] = deque()

    def __iter__(self) -> Iterator[list[str] | Broken]:
        csv.field_size_limit(LONGEST_ROW)
        with opened(*self._source) as file:
            numbered = enumerate(chain.from_iterable(lines(file, self._newline, LONGEST_ROW)), 1)
            while (first := self._next(numbered)) is not None:
                text = numbered_text(first[0], first[1])
                if first[0] > self._after and (isinstance(text, Broken) or text):
                    yield text if isinstance(text, Broken) else self._row(first[0], text, numbered)

    def _next(self, numbered: Iterator[tuple[int, bytes]]) -> tuple[int, bytes] | None:
        return self._pushed_back.popleft() if self._pushed_back else next(numbered, None)

    def _row(self, number: int, text: str, numbered: Iterator[tuple[int, bytes]]) -> list[str] | Broken:
        fields = self._parsed([text])
        if isinstance(fields, str) and fields == _OPEN:
            fields = self._parse_multiline(text, numbered)
        return Broken(number, text, fields) if isinstance(fields, str) else fields

    def _parse_multiline(self, first: str, numbered: Iterator[tuple[int, bytes]]) -> list[str] | str:
        """Parse a row with an open quote at the line's end; lines that do not belong to it are pushed back."""
        taken: list[tuple[int, bytes]] = []
        texts, size = [first], len(first)
        quotes = first.count('"')
        while quotes & 1 and len(taken) < _MOST_LINES and size < LONGEST_ROW:
            if (line := self._next(numbered)) is None:
                break
            taken.append(line)
            text = numbered_text(line[0], line[1])
            if isinstance(text, Broken):
                break
            texts.append(text)
            quotes, size = quotes + text.count('"'), size + len(text)
        fields = _OPEN if quotes & 1 else self._parsed(texts)
        if isinstance(fields, str) or any("\n" in fields[i] for i in self._one_line):
            self._pushed_back.extendleft(reversed(taken))
            return _OPEN
        return fields

    def _parsed(self, texts: Sequence[str]) -> list[str] | str:
        """Return the fields of one row, or why it is malformed."""
        try:
            found = list(csv.reader(["\n".join(texts)], delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            if "new-line" in str(error):
                return "contains a different kind of line end"
            return _OPEN if "unexpected end" in str(error) else "has a quote in the wrong place"
        if len(found) != 1 or len(found[0]) != self._width:
            return f"has {len(found[0])} fields but the header has {self._width}"
        return found[0]


_OPEN = "opens a quote that is never closed"
