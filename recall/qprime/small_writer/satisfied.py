"""The queries that found a page with a satisfied click: the paper's implicit feedback (section 5.5)."""

# ruff: noqa: S608 - names in the SQL come from the columns below; file names are quoted by corpus.files.scan

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import numpy as np

from corpus.column_types import value
from corpus.files.input_files import Parts, parts_of
from corpus.files.sources import open_table
from corpus.schema import Column, Kind, Table
from corpus.text.html_entities import unescaped
from corpus.urls.url import InvalidURL, canonical, page_id
from recall.qprime.row import read
from store.tables import LmdbTable

SHOWN = Table(
    "shown",
    (
        Column("url1", Kind.URL),
        Column("url2", Kind.URL),
        Column("clicked", Kind.BOOLEAN),
        Column("dwell_s", Kind.REAL, blank=True),
    ),
)


def exactly(url: str) -> int:
    """Return the PageId of the page with exactly this URL. Raises InvalidURL."""
    return page_id(canonical(url))


def satisfied_queries(
    table: LmdbTable, impressions: Path, satisfied_s: float, page_of: Callable[[str], int] = exactly
) -> dict[int, frozenset[str]]:
    """Return page -> its queries that found a page with a satisfied click from this page.

    `table` is the `qprime` table of the bundle whose recommendations were shown; it lists one query per found page.
    A click is satisfied if the reader stayed at least `satisfied_s` seconds; clicks with unknown dwell time do not
    count. `page_of` maps a URL to its page; queries are normalized as in the table.

    Raises InputError.
    """
    kept: dict[int, frozenset[str]] = {}
    for page, group in groupby(sorted(satisfied_pairs(impressions, satisfied_s, page_of)), itemgetter(0)):
        (row,) = table.read(np.array([page], np.uint64))
        if row is None:
            continue
        found = read(row)
        clicked = np.isin(found.pages, np.array([target for _, target in group], np.uint64))
        if clicked.any():
            kept[page] = frozenset(found.queries[i] for i in found.query[clicked].tolist())
    return kept


def satisfied_pairs(
    impressions: Path, satisfied_s: float, page_of: Callable[[str], int] = exactly
) -> set[tuple[int, int]]:
    """Return (PageId, PageId of a page with a satisfied click from it).

    The file is an impressions table, Parquet, CSV or JSON: url1, url2, clicked and dwell_s in seconds. Rows
    that cannot be read are ignored. Raises InputError if the file or a column is missing or invalid.
    """
    files = parts_of(impressions)
    with (
        tempfile.TemporaryDirectory(prefix="onward-impressions-") as working,
        closing(duckdb.connect(config={"threads": 1})) as connection,
    ):
        rows = _clicked(connection, files, Path(working), satisfied_s)
    return set(_pairs(rows, page_of))


def _clicked(
    connection: duckdb.DuckDBPyConnection, files: Parts, working: Path, satisfied_s: float
) -> list[tuple[str, str]]:
    source = open_table(connection, SHOWN, files, working).source
    columns: Mapping[str, str] = {
        c.name: value(c, source.found[c.name]) for c in SHOWN.columns if c.name in source.found
    }
    if not columns:  # an empty file of JSON Lines
        return []
    return connection.execute(
        f"SELECT DISTINCT {columns['url1']}, {columns['url2']} FROM {source.view}"
        f" WHERE NOT malformed AND {columns['clicked']} AND {columns['dwell_s']} >= ?",
        [satisfied_s],
    ).fetchall()


def _pairs(rows: list[tuple[str, str]], page_of: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    for url1, url2 in rows:
        try:
            yield page_of(unescaped(url1)), page_of(unescaped(url2))
        except InvalidURL:
            continue  # in no bundle
