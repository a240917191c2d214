"""Reads files of page pairs with texts, to be scored by a judge, and optionally with human labels."""

# ruff: noqa: S608 - names in the SQL come from the columns below; file names are quoted by corpus.files.scan

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from corpus.column_types import value
from corpus.files.input_files import Parts, parts_of
from corpus.files.sources import open_table
from corpus.schema import Column, Kind, Table
from corpus.text.html_entities import unescaped
from corpus.text.page_text import clean
from corpus.urls.url import InvalidURL, canonical

#: Human labels of a pair; each is optional.
LABELS = ("good", "good_rate", "quality", "similarity")

PAIRS = Table(
    "pairs",
    (
        Column("url1", Kind.URL),
        Column("title1", Kind.TEXT, blank=True, verbatim=True),
        Column("snippet1", Kind.TEXT, blank=True),
        Column("url2", Kind.URL),
        Column("title2", Kind.TEXT, blank=True, verbatim=True),
        Column("snippet2", Kind.TEXT, blank=True),
        Column("good", Kind.BOOLEAN, required=False),  # whether the second page is a good recommendation
        Column("good_rate", Kind.REAL, required=False),  # share of people who think so
        Column("quality", Kind.REAL, required=False),  # 0 to 4
        Column("similarity", Kind.REAL, required=False),  # 0: dissimilar
    ),
)


class TextPair(NamedTuple):
    """Two pages with their texts and their URLs as given."""

    url1: str
    title1: str
    snippet1: str
    url2: str
    title2: str
    snippet2: str


@dataclass(frozen=True, slots=True)
class PairFile:
    """The rows of a file of pairs, in order."""

    pairs: list[TextPair]
    labels: dict[str, NDArray[np.float64]]  # the LABELS that the file has; NaN for rows without one

    def __len__(self) -> int:
        return len(self.pairs)


def fault(pair: TextPair) -> str:
    """Return why a pair cannot be judged, '' if it can."""
    for url in (pair.url1, pair.url2):
        try:
            canonical(url)
        except InvalidURL:
            return "invalid URL"
    if not (pair.title1 or pair.snippet1) or not (pair.title2 or pair.snippet2):
        return "a page without text"
    return ""


def read_pairs(path: Path) -> PairFile:
    """Read a Parquet, CSV or JSON file; an unreadable row becomes a pair of empty fields.

    Raises InputError if the file or a column is missing or invalid.
    """
    files = parts_of(path)
    with (
        tempfile.TemporaryDirectory(prefix="onward-pairs-") as working,
        closing(duckdb.connect(config={"threads": 1})) as connection,
    ):
        columns = _read(connection, files, Path(working))
    texts = [[clean(unescaped(text or "")) for text in columns[name]] for name in TextPair._fields]
    labels = {
        name: np.array([np.nan if label is None else float(label) for label in columns[name]], np.float64)
        for name in LABELS
        if any(label is not None for label in columns.get(name, ()))
    }
    return PairFile([TextPair(*row) for row in zip(*texts, strict=True)], labels)


def _read(connection: duckdb.DuckDBPyConnection, files: Parts, working: Path) -> dict[str, list[Any]]:
    source = open_table(connection, PAIRS, files, working).source
    found = [column for column in PAIRS.columns if column.name in source.found]
    values = ", ".join(f'{value(column, source.found[column.name])} AS "{column.name}"' for column in found)
    rows = connection.execute(f"SELECT {values} FROM {source.view} ORDER BY abs(ordinal)").fetchall()
    return {column.name: [row[i] for row in rows] for i, column in enumerate(found)}
