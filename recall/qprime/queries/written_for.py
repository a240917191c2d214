"""The pages that queries were written for, as the query filters need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

#: Rows of the table of pages, sorted -> one vector per row, float32, of any length.
Vectors = Callable[[NDArray[np.intp]], NDArray[np.float32]]
_FACTS = ["page", "language"]
_READ = 500  # characters of a snippet


@dataclass(frozen=True, slots=True)
class WrittenFor:
    """Facts of the pages that queries were written for, sorted by PageId: 10 bytes per page."""

    page: NDArray[np.uint64]
    language: NDArray[np.int16]  # index in `languages`
    languages: list[str]
    texts: Callable[[NDArray[np.intp]], list[str]]  # of rows that are sorted
    vectors: Vectors | None = None

    @classmethod
    def of(cls, pages: pa.Table | Path, vectors: Vectors | None = None) -> WrittenFor:
        """Read columns page and language of a table sorted by page; title and snippet are read on demand."""
        table = pq.read_table(pages, columns=_FACTS) if isinstance(pages, Path) else pages.select(_FACTS)
        tags = table["language"].combine_chunks().dictionary_encode()
        return cls(
            page=table["page"].to_numpy().astype(np.uint64),
            language=tags.indices.fill_null(-1).to_numpy().astype(np.int16),
            languages=[*tags.dictionary.to_pylist(), ""],  # the last is for index -1
            texts=lambda rows: _texts(pages, rows),
            vectors=vectors,
        )

    def rows(self, pages: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return each page's row, -1 if it has none."""
        rows = np.searchsorted(self.page, pages)
        known = np.append(self.page, np.uint64(0))[rows] == pages
        return np.where(known & (rows < len(self.page)), rows, -1)

    def languages_of(self, rows: NDArray[np.intp]) -> list[str]:
        """Return each row's language, '' if unknown and for row -1."""
        return [self.languages[place] for place in np.append(self.language, np.int16(-1))[rows].tolist()]


def _texts(pages: pa.Table | Path, rows: NDArray[np.intp]) -> list[str]:
    """Return title and start of the snippet of sorted rows."""
    if not isinstance(pages, Path):
        return _joined(pages.take(rows))
    found: list[str] = []
    start = 0
    with pq.ParquetFile(pages) as file:
        for batch in file.iter_batches(8_192, columns=["title", "snippet"]):
            inside = rows[(rows >= start) & (rows < start + len(batch))] - start
            found += _joined(batch.take(pa.array(inside)))
            start += len(batch)
    return found


def _joined(rows: pa.Table | pa.RecordBatch) -> list[str]:
    titles, snippets = rows.column("title").to_pylist(), rows.column("snippet").to_pylist()
    return [f"{title or ''} {(snippet or '')[:_READ]}" for title, snippet in zip(titles, snippets, strict=True)]
