"""Detects a text file's encoding, separator and column names from its first lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from corpus.files.formats import Packing
from corpus.files.text_bytes import encoding_of, opened, write_utf8
from corpus.schema import InputError

_HEAD = 1 << 20  # bytes
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a pipe"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text file that DuckDB can read: UTF-8 and in a compression that it supports."""

    path: Path  # the file itself, or a copy
    packing: Packing
    head: str  # the first lines
    newline: bytes
    note: str  # assumptions to report, '' if none


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The columns of a CSV file."""

    names: tuple[str, ...]
    delimiter: str
    line: int  # of the header, from 1


def opened_text(path: Path, packing: Packing, copy: Path) -> Text:
    """Inspect a text file; one in bz2 or not in UTF-8 is converted to `copy` first. Raises InputError."""
    head = _head(path, packing)
    encoding, note, readable = encoding_of(head), "", path
    if encoding != "utf-8" or packing is Packing.BZ2:
        write_utf8(path, packing, encoding, copy)
        readable, packing = copy, Packing.NONE
        note = "" if encoding == "utf-8" else f"read as {encoding.upper()}"
        head = _head(copy, packing)
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    return Text(readable, packing, _decoded(path, head), newline, note)


def _head(path: Path, packing: Packing) -> bytes:
    with opened(path, packing) as file:
        return file.read(_HEAD)


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
