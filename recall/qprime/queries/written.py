"""The file of written queries: Parquet, a row a page; written in parts, so that a killed run goes on where it was."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from recall.qprime.writers.writer import PageWords, QueryWriter, WrittenQuery

WRITTEN, NONE, FAILED = "written", "none", "failed"

SCHEMA = pa.schema(
    [
        ("page", pa.uint64()),  # PageId
        ("outcome", pa.string()),  # written; none: the page deserves no query; failed: it could not be asked for
        ("texts", pa.list_(pa.string())),  # the most relevant first; empty unless written
        ("relevance", pa.list_(pa.float32())),  # 0 to 1, one a text
    ]
)
_MADE_FROM = b"onward.made_from"  # in a part's metadata: what its queries were written of, and by whom


class NumberedPage(PageWords, Protocol):
    """A page that a query writer reads, and its PageId."""

    @property
    def page(self) -> int: ...


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """Some rows of the file."""

    pages: NDArray[np.uint64]
    outcomes: list[str]
    queries: list[list[WrittenQuery]]  # empty where the outcome is another than `written`

    @classmethod
    def of(cls, pages: Sequence[int], queries: Sequence[list[WrittenQuery] | None]) -> WrittenBatch:
        """Return rows of what a writer returned for `pages`."""
        outcomes = [FAILED if own is None else WRITTEN if own else NONE for own in queries]
        return cls(np.array(pages, np.uint64), outcomes, [own or [] for own in queries])

    @classmethod
    def from_arrow(cls, rows: pa.RecordBatch | pa.Table) -> WrittenBatch:
        """Return rows with the columns of SCHEMA."""
        texts, relevances = rows.column("texts").to_pylist(), rows.column("relevance").to_pylist()
        queries = [list(map(WrittenQuery, *own)) for own in zip(texts, relevances, strict=True)]
        return cls(rows.column("page").to_numpy().astype(np.uint64), rows.column("outcome").to_pylist(), queries)

    def to_arrow(self) -> pa.Table:
        """Return a table with the columns of SCHEMA."""
        texts = [[query.text for query in own] for own in self.queries]
        relevances = [[query.relevance for query in own] for own in self.queries]
        columns = {"page": self.pages, "outcome": self.outcomes, "texts": texts, "relevance": relevances}
        return pa.table(columns, schema=SCHEMA)


def write_queries(
    batches: Iterable[Sequence[NumberedPage]],
    writer: QueryWriter,
    path: Path,
    made_by: str = "",
    parts: Path | None = None,
) -> Counter[str]:
    """Write the queries of every page to `path` and return the number of pages by outcome, and of `queries`.

    Memory holds one batch. Each batch is a part in a folder beside `path` until all are done, or in the folder `parts`,
    which stays: a run that was killed goes on after them, and asks again only for pages that failed. A part is used
    when it was written of the same pages with the same words, by the same `made_by` (a name that changes with the
    writer's model and prompt). A file at `path` is replaced: whoever wants to keep it does not call.
    """
    folder = parts or path.with_name(f"{path.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with written_file(path) as file:
        for number, pages in enumerate(batches):
            written = _part(folder / f"{number:08}.parquet", pages, writer, made_by)
            file.write_table(written.to_arrow())
            counts.update(written.outcomes)
            counts["queries"] += sum(map(len, written.queries))
    if parts is None:
        shutil.rmtree(folder)
    return counts


def read_queries(path: Path, batch: int = 1_024) -> Iterator[WrittenBatch]:
    """Yield the rows of a file in its order, at most `batch` at a time."""
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(batch):
            yield WrittenBatch.from_arrow(rows)


class WrittenReader:
    """A query writer that reads a file: asked for all pages of the file in its order, in any batches."""

    def __init__(self, path: Path) -> None:
        self._rows = (
            (page, outcome, queries)
            for batch in read_queries(path)
            for page, outcome, queries in zip(batch.pages.tolist(), batch.outcomes, batch.queries, strict=True)
        )

    def write(self, pages: Sequence[NumberedPage]) -> list[list[WrittenQuery] | None]:
        """Return the queries of the next pages of the file. Raises ValueError for a page that is not the next."""
        found: list[list[WrittenQuery] | None] = []
        for page in pages:
            number, outcome, queries = next(self._rows, (None, "", []))
            if number != page.page:
                raise ValueError(f"page {page.page} was asked for and {number} is the next of the file")
            found.append(None if outcome == FAILED else queries)
        return found


@contextmanager
def written_file(path: Path) -> Iterator[pq.ParquetWriter]:
    """Open a file of queries to write to; it is put in its place when all of it is written."""
    working = path.with_name(f"{path.name}.working")
    with pq.ParquetWriter(working, SCHEMA) as file:
        yield file
    working.replace(path)


def _part(path: Path, pages: Sequence[NumberedPage], writer: QueryWriter, made_by: str) -> WrittenBatch:
    """Return the rows of one batch: from its part where there is one, of the writer where there is none."""
    made_from = _digest(pages, made_by)
    kept = _kept(path, made_from)
    if kept is not None and FAILED not in kept.outcomes:
        return kept
    earlier = kept or WrittenBatch.of([page.page for page in pages], [None] * len(pages))
    todo = [row for row, outcome in enumerate(earlier.outcomes) if outcome == FAILED]
    queries: list[list[WrittenQuery] | None] = list(earlier.queries)
    for row, own in zip(todo, writer.write([pages[row] for row in todo]), strict=True):
        queries[row] = own
    written = WrittenBatch.of(earlier.pages.tolist(), queries)
    working = path.with_suffix(".working")
    pq.write_table(written.to_arrow().replace_schema_metadata({_MADE_FROM: made_from}), working)
    working.replace(path)
    return written


def _kept(path: Path, made_from: bytes) -> WrittenBatch | None:
    if not path.exists():
        return None
    table = pq.read_table(path)
    return WrittenBatch.from_arrow(table) if (table.schema.metadata or {}).get(_MADE_FROM) == made_from else None


def _digest(pages: Sequence[NumberedPage], made_by: str) -> bytes:
    """Return a digest of all that a writer reads of the pages, and of who it is."""
    state = xxhash.xxh3_128(made_by.encode())
    for page in pages:
        for field in (str(page.page), page.url, page.title, page.snippet, page.language):
            data = field.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "little") + data)  # with its length: no two batches run into one text
    return state.hexdigest().encode()
