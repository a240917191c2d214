"""Builds the `qprime` table: write queries, search, filter, rank by quality, keep the best pages and their query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recall.qprime.config import QPrimeConfig
from recall.qprime.engines.search_engine import SearchEngine, SearchText
from recall.qprime.row import pack
from recall.qprime.search_results import Found, PageFacts, filtered, search
from recall.qprime.table_parts import BuiltBatch, BuiltRow, Counts, Parts, digest
from recall.qprime.writers.writer import WrittenQuery

#: (PageIds of the first pages, PageIds of the second) -> quality, 0 to 4, of each pair.
Quality = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.float32]]

_TEXT = ["page", "url", "title", "snippet", "language", "body"]


class QueryPage(NamedTuple):
    """A page as the query writer and the search engine read it; `snippet` includes the body."""

    page: int
    url: str
    title: str
    snippet: str
    language: str


class Queries(Protocol):
    """The source of a page's queries: a query writer, or a file of written queries."""

    def write(self, pages: Sequence[QueryPage]) -> Sequence[list[WrittenQuery] | None]:
        """Return the queries of each page."""
        ...


def build(
    pages: pa.Table | Path,
    engine: SearchEngine,
    writer: Queries,
    quality: Quality,
    day: int,
    config: QPrimeConfig = QPrimeConfig(),
    counts: Counts | None = None,
    facts: PageFacts | None = None,
    parts: Path | None = None,
) -> Iterator[BuiltRow]:
    """Yield the row of every page, including pages whose queries found nothing; updates `counts`.

    `pages` has columns page, url, title, snippet, language, body, address, fingerprint and spam, sorted by page. A
    file is read in batches: memory holds one batch of text and 27 bytes of facts per page. `facts` cover all pages
    that may be found (None: `pages`). `day`, since 1970, is written into complete rows; incomplete rows have day 0.
    Batches without failed queries are kept in the folder `parts`, from which a killed run resumes. Except for pages
    and queries, its inputs must be the same.
    """
    counts = Counts() if counts is None else counts
    facts = PageFacts.of(pages) if facts is None else facts
    kept = Parts(parts)
    for number, batch in enumerate(query_pages(pages, config.batch)):
        written = writer.write(batch)
        make = partial(_build_batch, batch, written, engine, quality, day, config, facts)
        rows, part_counts = kept.get(number, digest([page.page for page in batch], written), make)
        counts.add(part_counts)
        yield from rows


def query_pages(pages: pa.Table | Path, batch: int = 1_024) -> Iterator[list[QueryPage]]:
    """Yield the pages in batches, with the text for query writing and search."""
    if isinstance(pages, Path):
        parts = pq.ParquetFile(pages).iter_batches(batch, columns=_TEXT)
    else:
        parts = pages.select(_TEXT).to_batches(batch)
    for part in parts:
        columns = (part.column(name).to_pylist() for name in _TEXT)
        yield [
            QueryPage(page, url, title, f"{snippet}\n{body}" if body else snippet, language)
            for page, url, title, snippet, language, body in zip(*columns, strict=True)
        ]


def search_texts(pages: pa.Table | Path) -> Iterator[SearchText]:
    """Yield the text that a search engine indexes for each page."""
    for batch in query_pages(pages):
        for page in batch:
            yield SearchText(page.page, page.title, page.snippet)


def _build_batch(
    batch: list[QueryPage],
    written: Sequence[list[WrittenQuery] | None],
    engine: SearchEngine,
    quality: Quality,
    day: int,
    config: QPrimeConfig,
    facts: PageFacts,
) -> BuiltBatch:
    """Search, filter and judge the pages of one batch."""
    queries = [own or [] for own in written]
    found, missed = search(engine, queries, config.hits + 1)
    complete = [own is not None and row not in missed for row, own in enumerate(written)]
    incomplete = len(batch) - sum(complete)
    counts = Counts(pages=len(batch), queries=sum(map(len, queries)), hits=len(found), incomplete=incomplete)
    rows = []
    for row, found_row in enumerate(_ranked(batch, found, facts, quality, config, counts)):
        texts = [query.text for query in queries[row]]
        rows.append(BuiltRow(batch[row].page, pack(*found_row, texts, day if complete[row] else 0), complete[row]))
    return BuiltBatch(rows, counts)


def _ranked(
    batch: list[QueryPage], found: Found, facts: PageFacts, quality: Quality, config: QPrimeConfig, counts: Counts
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.intp]]]:
    """Yield the pages kept for each page of the batch, best first, with quality and query."""
    ids = np.array([page.page for page in batch], np.uint64)
    found = filtered(ids, found, facts, config.relevance, counts.dropped, config.adult)
    judged = quality(ids[found.row], found.pages)
    counts.dropped["quality"] += int(np.count_nonzero(judged < config.min_quality))
    order = np.lexsort((found.pages, -judged, found.row))
    order = order[judged[order] >= config.min_quality]
    starts = np.searchsorted(found.row[order], np.arange(len(batch) + 1))
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        best = order[start : min(end, start + config.keep)]
        counts.kept += len(best)
        yield found.pages[best], judged[best], found.query[best]
