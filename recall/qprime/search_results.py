"""The search results of a batch of pages, and the filters between search and judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.urls.url import main_page_key
from recall.qprime.engines.search_engine import NO_HITS, SearchEngine
from recall.qprime.writers.writer import WrittenQuery
from store.page_row import language_code, near_duplicate

_COLUMNS = ["page", "url", "address", "fingerprint", "language", "spam", "adult"]


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The facts of every page that the filters need, sorted by PageId."""

    page: NDArray[np.uint64]
    address: NDArray[np.uint64]
    fingerprint: NDArray[np.uint64]
    language: NDArray[np.uint16]
    spam: NDArray[np.bool_]
    adult: NDArray[np.bool_]
    main: NDArray[np.uint64]  # corpus.urls.url.main_page_key

    @classmethod
    def of(cls, pages: pa.Table | Path) -> PageFacts:
        """Read columns page, url, address, fingerprint, language, spam and adult."""
        table = pq.read_table(pages, columns=_COLUMNS) if isinstance(pages, Path) else pages.select(_COLUMNS)
        tags = table["language"].combine_chunks().dictionary_encode()
        codes = np.array([language_code(tag or "") for tag in tags.dictionary.to_pylist()], np.uint16)
        ids = table["page"].to_numpy().astype(np.uint64)
        order = np.argsort(ids)
        return cls(
            page=ids[order],
            address=table["address"].to_numpy().astype(np.uint64)[order],
            fingerprint=table["fingerprint"].to_numpy().astype(np.uint64)[order],
            language=codes[tags.indices.to_numpy(zero_copy_only=False)][order],
            spam=table["spam"].to_numpy().astype(np.bool_)[order],
            adult=table["adult"].to_numpy().astype(np.bool_)[order],
            main=np.fromiter(map(main_page_key, _each(table["url"])), np.uint64, len(table))[order],
        )

    def joined(self, other: PageFacts) -> PageFacts:
        """Return the facts of both; they must have no page in common."""
        columns = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__slots__}
        order = np.argsort(columns["page"])
        return PageFacts(**{name: column[order] for name, column in columns.items()})

    def rows(self, pages: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return each page's row, -1 if it has none."""
        if len(self.page) == 0:
            return np.full(len(pages), -1, np.intp)
        rows = np.minimum(np.searchsorted(self.page, pages), len(self.page) - 1)
        return np.where(self.page[rows] == pages, rows, -1)


def _each(column: pa.ChunkedArray) -> Iterator[str]:
    for chunk in column.chunks:
        yield from chunk.to_pylist()


@dataclass(frozen=True, slots=True)
class Found:
    """Hits of a batch, one row per hit, ordered by batch row, then by query, best first."""

    row: NDArray[np.intp]  # of the page in the batch
    query: NDArray[np.intp]  # index of the query among the page's
    pages: NDArray[np.uint64]
    scores: NDArray[np.float32]  # comparable within one query only

    def __len__(self) -> int:
        return len(self.pages)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Found:
        """Return the given rows, by index or by mask."""
        return Found(self.row[rows], self.query[rows], self.pages[rows], self.scores[rows])

    def shares(self) -> NDArray[np.float32]:
        """Return each score divided by the best score of the same query, 0 to 1."""
        group = self.row * 256 + self.query
        first = np.flatnonzero(np.diff(group, prepend=-1))
        best = np.repeat(self.scores[first], np.diff(first, append=len(group)))
        return (self.scores / np.maximum(best, 1e-9)).astype(np.float32)


def search(engine: SearchEngine, queries: Sequence[Sequence[WrittenQuery]], limit: int) -> tuple[Found, frozenset[int]]:
    """Search for every query of a batch: `queries[i]` are those of page i of the batch.

    Returns the hits, and the batch rows with a failed query.
    """
    answers = engine.search([query.text for own in queries for query in own], limit)
    hits = [answer or NO_HITS for answer in answers]
    rows = np.array([row for row, own in enumerate(queries) for _ in own], np.intp)
    numbers = np.array([number for own in queries for number, _ in enumerate(own)], np.intp)
    sizes = [len(hit.pages) for hit in hits]
    missed = frozenset(row for row, answer in zip(rows.tolist(), answers, strict=True) if answer is None)
    found = Found(
        row=np.repeat(rows, sizes),
        query=np.repeat(numbers, sizes),
        pages=np.concatenate([np.empty(0, np.uint64), *(hit.pages for hit in hits)]),
        scores=np.concatenate([np.empty(0, np.float32), *(hit.scores for hit in hits)]),
    )
    return found, missed


def filtered(
    triggers: NDArray[np.uint64],
    found: Found,
    facts: PageFacts,
    relevance: float,
    dropped: Counter[str],
    adult: bool = False,
) -> Found:
    """Keep the hits to judge, each page once per trigger, with the query that it answers best.

    `triggers` are the PageIds of the batch; `dropped` counts dropped hits by reason; `adult` keeps adult pages.
    """
    keep = np.ones(len(found), np.bool_)
    for reason, bad in _faults(facts.rows(triggers)[found.row], facts.rows(found.pages), facts):
        if adult and reason == "adult":
            continue
        dropped[reason] += int(np.count_nonzero(keep & bad))
        keep &= ~bad
    found = found.take(keep)
    shares = found.shares()
    weak = shares < relevance
    dropped["relevance"] += int(np.count_nonzero(weak))
    best = np.lexsort((found.query, -shares, found.pages, found.row))
    best = best[~weak[best]]
    repeated = (np.diff(found.row[best], prepend=-1) == 0) & (found.pages[best] == np.roll(found.pages[best], 1))
    dropped["repeated"] += int(np.count_nonzero(repeated))
    return found.take(best[~repeated])


def _faults(one: NDArray[np.intp], two: NDArray[np.intp], facts: PageFacts) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the name of each rule and which pairs of rows break it."""
    tongues = facts.language[one], facts.language[two]
    yield "unknown", two < 0
    yield "self", one == two
    yield "address", facts.address[one] == facts.address[two]
    yield "duplicate", near_duplicate(facts.fingerprint[one], facts.fingerprint[two])
    yield "language", (tongues[0] != tongues[1]) & (tongues[0] != 0) & (tongues[1] != 0)
    yield "sub-page", facts.main[one] == facts.main[two]
    yield "spam", facts.spam[two]
    yield "adult", facts.adult[two]
