"""The file of written queries: Parquet, one row per page; written in parts, so that a killed run resumes."""

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
        ("outcome", pa.string()),  # written; none: the page deserves no query; failed: the writer failed
        ("texts", pa.list_(pa.string())),  # most relevant first; empty unless written
        ("relevance", pa.list_(pa.float32())),  # 0 to 1, one per text
    ]
)
_MADE_FROM = b"onward.made_from"  # in a part's metadata: a digest of the pages and the writer


class NumberedPage(PageWords, Protocol):
    """A page as a query writer reads it, and its PageId."""

    @property
    def page(self) -> int: ...


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """Some rows of the file."""

    pages: NDArray[np.uint64]
    outcomes: list[str]
    queries: list[list[WrittenQuery]]  # empty unless the outcome is `written`

    @classmethod
    def of(cls, pages: Sequence[int], queries: Sequence[list[WrittenQuery] | None]) -> WrittenBatch:
        """Return rows for a writer's result on `pages`."""
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
    """Write the queries of every page to `path`; return the number of pages by outcome and the number of `queries`.

    Memory holds one batch. Finished batches are parts in a temporary folder beside `path`, or in the folder `parts`,
    which is kept. A killed run resumes after them and retries only failed pages. A part is reused if it has the same
    pages with the same text and the same `made_by` (a name that identifies the writer's model and prompt). An
    existing file at `path` is replaced.
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
    """Yield the rows of a file in order, at most `batch` at a time."""
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(batch):
            yield WrittenBatch.from_arrow(rows)


class WrittenReader:
    """A query writer that reads a file: pages must be requested in the file's order, in batches of any size."""

    def __init__(self, path: Path) -> None:
        self._rows = (
            (page, outcome, queries)
            for batch in read_queries(path)
            for page, outcome, queries in zip(batch.pages.tolist(), batch.outcomes, batch.queries, strict=True)
        )

    def write(self, pages: Sequence[NumberedPage]) -> list[list[WrittenQuery] | None]:
        """Return the queries of the next pages in the file. Raises ValueError for any other page."""
        found: list[list[WrittenQuery] | None] = []
        for page in pages:
            number, outcome, queries = next(self._rows, (None, "", []))
            if number != page.page:
                raise ValueError(f"page {page.page} was requested, but the next one in the file is {number}")
            found.append(None if outcome == FAILED else queries)
        return found


@contextmanager
def written_file(path: Path) -> Iterator[pq.ParquetWriter]:
    """Open a file of queries for writing; it is moved to `path` when it is complete."""
    working = path.with_name(f"{path.name}.working")
    with pq.ParquetWriter(working, SCHEMA) as file:
        yield file
    working.replace(path)


def _part(path: Path, pages: Sequence[NumberedPage], writer: QueryWriter, made_by: str) -> WrittenBatch:
    """Return the rows of one batch: from its part if there is one, otherwise from the writer."""
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
    """Return a digest of all that a writer reads of the pages, and of the writer's name."""
    state = xxhash.xxh3_128(made_by.encode())
    for page in pages:
        for field in (str(page.page), page.url, page.title, page.snippet, page.language):
            data = field.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "little") + data)  # the length separates the fields
    return state.hexdigest().encode()
