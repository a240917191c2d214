"""Reads what is known of each page: a text of the input table `knowledge`, else the page's body, else its snippet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prompting.query_prompt import plain

_LONGEST = 20_000  # characters of a text that are read
_BATCH = 1_024  # pages in memory at once

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
    for batch in pq.ParquetFile(read / "pages.parquet").iter_batches(_BATCH, columns=columns):
        rows = batch.to_pylist()
        given = _given(read / "knowledge.parquet", rows[0]["page"], rows[-1]["page"])
        yield [_known(row, given.get(row["page"], "")) for row in rows]


def _given(path: Path, first: int, last: int) -> dict[int, str]:
    """Return page -> text of the table `knowledge`, for the pages of a range; the file is sorted by page."""
    page = pc.field("page")
    inside = (page >= pa.scalar(first, pa.uint64())) & (page <= pa.scalar(last, pa.uint64()))
    table = pq.read_table(path, filters=inside)
    return dict(zip(table["page"].to_pylist(), table["text"].to_pylist(), strict=True))


def _known(row: dict[str, Any], given: str) -> KnownPage:
    parts = ((KNOWLEDGE, given), (BODY, row["body"]), (SNIPPET, row["snippet"]))
    texts = ((source, plain(text, _LONGEST)) for source, text in parts)
    source, text = next(((source, text) for source, text in texts if text), (NOTHING, ""))
    return KnownPage(row["page"], row["url"], row["title"], row["language"], text, source)
