"""Reads what is known of each page: a text of the input table `knowledge`, else the page's body, else its snippet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from prompting.query_prompt import plain

_LONGEST = 20_000  # characters of a text that are read
_BATCH = 1_024  # pages in memory at once
_AFTER_ALL = 1 << 64  # larger than any PageId

#: Where a page's text comes from.
KNOWLEDGE, BODY, SNIPPET, NOTHING = "knowledge", "body", "snippet", "nothing"


class KnownPage(NamedTuple):
    """A page with the text that is known of it, plain and on one line."""

    page: int
    url: str
    title: str
    language: str
    text: str
    source: str


def known_pages(read: Path) -> Iterator[list[KnownPage]]:
    """Yield all pages of the step `read` with their texts, in order of PageId, in batches."""
    columns = ["page", "url", "title", "language", "snippet", "body"]
    given = _given(read / "knowledge.parquet")
    page, text = next(given)
    for batch in pq.ParquetFile(read / "pages.parquet").iter_batches(_BATCH, columns=columns):
        known = []
        for row in batch.to_pylist():
            while page < row["page"]:  # both files are sorted by page
                page, text = next(given)
            known.append(_known(row, text if page == row["page"] else ""))
        yield known


def _given(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (page, text) of the table `knowledge`, and a last one that is no page; reads each row group once."""
    for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=["page", "text"]):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    yield _AFTER_ALL, ""


def _known(row: dict[str, Any], given: str) -> KnownPage:
    parts = ((KNOWLEDGE, given), (BODY, row["body"]), (SNIPPET, row["snippet"]))
    texts = ((source, plain(text, _LONGEST)) for source, text in parts)
    source, text = next(((source, text) for source, text in texts if text), (NOTHING, ""))
    return KnownPage(row["page"], row["url"], row["title"], row["language"], text, source)
