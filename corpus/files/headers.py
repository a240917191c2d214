"""Detects a text file's encoding, separator and column names from its first lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from corpus.files.formats import Packing
from corpus.files.text_bytes import chunks, encoding_of, opened, write_utf8
from corpus.files.text_lines import LONGEST_ROW
from corpus.schema import InputError

_HEAD = 1 << 20  # bytes
_FIRST = 1 << 10  # bytes that tell the encoding
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a pipe"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text file, or its copy in UTF-8 and in a compression that DuckDB supports."""

    path: Path
    packing: Packing
    head: str  # the first lines
    newline: bytes
    note: str = ""  # assumptions to report
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The columns of a CSV file."""

    names: tuple[str, ...]
    delimiter: str
    line: int  # of the header, from 1


def opened_text(path: Path, packing: Packing, copy: Path) -> Text:
    """Inspect a text file; one in bz2 or not in UTF-8 is converted to `copy` first. Raises InputError."""
    text = text_as_it_is(path, packing)
    if text.encoding == "utf-8" and packing is not Packing.BZ2:
        return text
    write_utf8(path, packing, text.encoding, copy)
    note = "" if text.encoding == "utf-8" else f"read as {text.encoding.upper()}"
    return Text(copy, Packing.NONE, text.head, text.newline, note)


def text_as_it_is(path: Path, packing: Packing) -> Text:
    """Inspect a text file without a copy: what reads it converts it. Raises InputError."""
    encoding = encoding_of(head_of(path, packing, _FIRST))
    head = head_of(path, packing, _HEAD, encoding)
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    return Text(path, packing, _decoded(path, head), newline, encoding=encoding)


def head_of(path: Path, packing: Packing, size: int, encoding: str = "utf-8") -> bytes:
    """Return the first bytes of a file, decompressed and as UTF-8; as many as there are, if it breaks off.

    Raises InputError if there is not one.
    """
    head = b""
    try:
        with opened(path, packing, encoding) as file:
            for chunk in chunks(file):
                head += chunk
                if len(head) >= size:
                    break
    except InputError:
        if not head:
            raise
    return head[:size]


def _decoded(path: Path, head: bytes) -> str:
    first = head.lstrip(b"\r\n").splitlines()[:1]
    try:
        b"".join(first).decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            hint = "probably Latin-1 or Windows-1252" if b"\0" not in head else "nor UTF-16 with a byte order mark"
            raise InputError(f"{path}: the first line is not UTF-8 ({hint}): convert the file to UTF-8") from error
    return head.decode(errors="replace").removeprefix("\ufeff")


def csv_header(text: Text, wanted: Collection[str]) -> CsvHeader:
    """Return the columns of a CSV file, using the separator that yields most of the `wanted` names.

    A first line `sep=;`, as spreadsheets write it, sets the separator and is not the header.
    """
    separators = list(SEPARATORS)
    for number, line in enumerate(text.head.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.lower().startswith("sep=") and line[4:5] in SEPARATORS and len(line) == 5:
            separators = [line[4]]
        elif line:
            return max(
                (CsvHeader(_names(line, separator), separator, number) for separator in separators),
                key=lambda header: (_known(header, wanted), len(header.names)),
            )
    return CsvHeader((), separators[0], 1)


def _names(line: str, separator: str) -> tuple[str, ...]:
    csv.field_size_limit(LONGEST_ROW)
    return tuple(name or f"column {i}" for i, name in enumerate(next(csv.reader([line], delimiter=separator)), 1))


def _known(header: CsvHeader, wanted: Collection[str]) -> int:
    return len({name.strip().lower() for name in header.names} & set(wanted))


def json_layout(text: Text) -> str:
    """Return the layout of JSON objects, as DuckDB names it: one per line, in an array, or over several lines."""
    head = text.head.lstrip()
    if head.startswith("["):
        return "array"
    if not head.startswith("{") or _is_json(head.partition("\n")[0]):
        return "newline_delimited"
    try:
        json.JSONDecoder().raw_decode(head)
    except ValueError:  # the first line is invalid, or the first object is longer than the head
        return "newline_delimited"
    return "unstructured"


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
