"""Records of text files, with their place: JSON objects per line or in arrays, lines, and rows of CSV.

A malformed record is named by its place alone: its text may hold what identifies a reader.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any, BinaryIO

import orjson

from corpus.files.headers import csv_header, json_layout
from corpus.files.text_bytes import chunks, lines, opened
from corpus.files.text_lines import LONGEST_ROW, Broken, CsvRows, numbered_text, without_lone_surrogates
from corpus.imports.export_file import ExportFile
from corpus.imports.json_elements import BrokenJson, elements
from corpus.imports.records import MALFORMED, LeftOut

TOO_LONG = f"{MALFORMED}: element is longer than {LONGEST_ROW >> 20} MB"
#: The rest of such a file cannot be read.
BROKEN_JSON = f"{MALFORMED}: the JSON ends or breaks here, and the rest of the file is not read"


def text_lines(file: ExportFile) -> Iterator[tuple[int, str | LeftOut]]:
    """Yield the lines that are not empty, with their numbers. Raises InputError."""
    text = file.text()
    with opened(text.path, text.packing, text.encoding) as source:
        for number, line in enumerate(chain.from_iterable(lines(source, text.newline, LONGEST_ROW)), 1):
            found = numbered_text(number, line)
            if isinstance(found, Broken):
                yield number, LeftOut(f"{MALFORMED}: line {found.why}")
            elif found.strip():
                yield number, found


def json_objects(file: ExportFile) -> Iterator[tuple[int, dict[str, Any] | LeftOut]]:
    """Yield JSON objects: one per line, or the elements of one or several arrays. Raises InputError."""
    if file.start.lstrip().startswith("{") and json_layout(file.text()) == "newline_delimited":
        yield from _objects_of_lines(file)
    else:
        yield from _objects_of_arrays(file)


def _objects_of_lines(file: ExportFile) -> Iterator[tuple[int, dict[str, Any] | LeftOut]]:
    for number, line in text_lines(file):
        yield number, line if isinstance(line, LeftOut) else _object(line.encode(), "line")


def _objects_of_arrays(file: ExportFile) -> Iterator[tuple[int, dict[str, Any] | LeftOut]]:
    """Yield the elements one by one: an export in one array may be larger than memory."""
    text = file.text()
    number = 0
    with opened(text.path, text.packing, text.encoding) as source:
        try:
            cut = elements(_without_mark(source), text.head.lstrip().startswith("["), LONGEST_ROW)
            for number, element in enumerate(cut, 1):
                yield number, LeftOut(TOO_LONG) if element is None else _object(element, "element")
        except BrokenJson:
            yield number + 1, LeftOut(BROKEN_JSON)


def _without_mark(source: BinaryIO) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks(source)):
        yield chunk if number else chunk.removeprefix(codecs.BOM_UTF8)


def _object(text: bytes, kind: str) -> dict[str, Any] | LeftOut:
    try:
        value = _loaded(text)
    except orjson.JSONDecodeError:
        return LeftOut(f"{MALFORMED}: {kind} is not JSON")
    return value if isinstance(value, dict) else LeftOut(f"{MALFORMED}: {kind} is not an object")


def _loaded(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"\\u" not in text:
            raise
        return orjson.loads(without_lone_surrogates(text))


def csv_rows(file: ExportFile, wanted: Collection[str]) -> tuple[tuple[str, ...], Iterator[tuple[int, Any]]]:
    """Return the header, and the rows (lists as long as the header, or LeftOut) with numbers from 1.

    `wanted` are names in lower case that tell the separator. Raises InputError.
    """
    text = file.text()
    header = csv_header(text, wanted)
    source = (text.path, text.packing, text.newline)
    rows = CsvRows(*source, header.delimiter, len(header.names), frozenset(), header.line, text.encoding)
    return header.names, _numbered_rows(rows)


def _numbered_rows(rows: CsvRows) -> Iterator[tuple[int, list[str] | LeftOut]]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, Broken):
            yield number, LeftOut(f"{MALFORMED}: {row.why}")
        else:
            yield number, row
