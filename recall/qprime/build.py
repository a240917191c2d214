"""Builds the `qprime` table: write queries, search, filter, rank by quality, keep the best with their query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.progress import track

from recall.qprime.found import Found, PageFacts, filtered, search
from recall.qprime.row import MAX_PAGES, pack
from recall.qprime.search_engine import SearchEngine, SearchText
from recall.qprime.writer import QueryWriter, WrittenQuery

#: (PageIds of the first pages, PageIds of the second) -> quality, 0 to 4, of each pair.
Quality = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.float32]]

_TEXT = ["page", "url", "title", "snippet", "language", "body"]


@dataclass(frozen=True, slots=True)
class QPrimeConfig:
    """Tunables of the build."""

    hits: int = 10  # asked of the engine for each query, besides the page itself
    relevance: float = 0.2  # hits that score below this share of their query's best (but the page itself) are dropped
    min_quality: float = 1.0  # 0 to 4
    keep: int = MAX_PAGES  # pages a row; 0 leaves Q' out: the rankers then learn without it
    batch: int = 1_024  # pages in memory at once
    progress: bool = True


@dataclass(slots=True)
class Counts:
    """What the build did: pages, queries, hits, hits dropped by reason, pages kept."""

    pages: int = 0
    queries: int = 0
    hits: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class QueryPage(NamedTuple):
    """A page as the query writer and the search engine read it; `snippet` goes on with the body."""

    page: int
    url: str
    title: str
    snippet: str
    language: str


def build(
    pages: pa.Table | Path,
    engine: SearchEngine,
    writer: QueryWriter,
    quality: Quality,
    config: QPrimeConfig = QPrimeConfig(),
    counts: Counts | None = None,
) -> Iterator[tuple[int, bytes]]:
    """Yield (PageId, packed row) of every page whose queries found something; fills `counts` as it goes.

    `pages` has columns page, url, title, snippet, language, body, address, fingerprint and spam, sorted
    by page. A file is read in batches: in memory are one batch of text and 27 bytes of facts a page.
    """
    counts = Counts() if counts is None else counts
    facts = PageFacts.of(pages)
    total = math.ceil(len(facts.page) / config.batch)
    for batch in track(query_pages(pages, config.batch), "qprime", total, disable=not config.progress):
        queries = [own or [] for own in writer.write(batch)]
        found = search(engine, queries, config.hits + 1)
        counts.pages += len(batch)
        counts.queries += sum(map(len, queries))
        counts.hits += len(found)
        yield from _rows(batch, queries, found, facts, quality, config, counts)


def query_pages(pages: pa.Table | Path, batch: int = 1_024) -> Iterator[list[QueryPage]]:
    """Yield the pages in batches, with the words that are written from and searched."""
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
    """Yield what a search engine indexes of each page."""
    for batch in query_pages(pages):
        for page in batch:
            yield SearchText(page.page, page.title, page.snippet)


def _rows(
    batch: list[QueryPage],
    queries: list[list[WrittenQuery]],
    found: Found,
    facts: PageFacts,
    quality: Quality,
    config: QPrimeConfig,
    counts: Counts,
) -> Iterator[tuple[int, bytes]]:
    ids = np.array([page.page for page in batch], np.uint64)
    found = filtered(ids, found, facts, config.relevance, counts.dropped)
    judged = quality(ids[found.row], found.pages)
    counts.dropped["quality"] += int(np.count_nonzero(judged < config.min_quality))
    order = np.lexsort((found.pages, -judged, found.row))
    order = order[judged[order] >= config.min_quality]
    starts = np.searchsorted(found.row[order], np.arange(len(batch) + 1))
    for row, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        best = order[start : min(end, start + config.keep)]
        if len(best):
            counts.kept += len(best)
            texts = [query.text for query in queries[row]]
            yield batch[row].page, pack(found.pages[best], judged[best], found.query[best], texts)
