"""Builds the rows of the `qprime` table batch by batch; parts on disk let a killed run resume."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from recall.qprime.writers.writer import WrittenQuery

_SCHEMA = pa.schema([("page", pa.uint64()), ("row", pa.binary())])
_FROM, _COUNTS = b"onward.made_from", b"onward.counts"


@dataclass(slots=True)
class Counts:
    """Counts of the build: pages, queries, hits, hits dropped by reason, pages kept."""

    pages: int = 0
    queries: int = 0
    hits: int = 0
    kept: int = 0
    incomplete: int = 0  # pages with a query that could not be written or searched
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add the counts of another part."""
        for name in ("pages", "queries", "hits", "kept", "incomplete"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.dropped.update(other.dropped)

    def figures(self) -> dict[str, object]:
        """Return the counts for a manifest."""
        kept = {"queries": self.queries, "kept": self.kept, "incomplete": self.incomplete}
        return {**kept, "dropped": dict(self.dropped)}


class BuiltRow(NamedTuple):
    """The row of one page. An incomplete row lacks the hits of a failed query."""

    page: int
    row: bytes
    complete: bool


class BuiltBatch(NamedTuple):
    """The rows of one batch of pages, and their counts."""

    rows: list[BuiltRow]
    counts: Counts


class Parts:
    """Finished batches in a folder (None: not kept). Batches with a failed query are not kept, so they are retried."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, number: int, made_from: bytes, make: Callable[[], BuiltBatch]) -> BuiltBatch:
        """Return a batch by number: the kept one if it was made from the same input, otherwise that of `make`."""
        if self._folder is None:
            return make()
        path = self._folder / f"{number:08}.parquet"
        kept = _read(path, made_from)
        if kept is None:
            kept = make()
            if kept.counts.incomplete == 0:
                _write(path, made_from, kept)
        return kept


def digest(pages: Sequence[int], queries: Sequence[Sequence[WrittenQuery] | None]) -> bytes:
    """Return a digest of the input of a batch."""
    texts = [None if own is None else [query.text for query in own] for own in queries]
    asked = list(zip(pages, texts, strict=True))
    return xxhash.xxh3_128_hexdigest(json.dumps(asked).encode()).encode()


def _read(path: Path, made_from: bytes) -> BuiltBatch | None:
    if not path.is_file():
        return None
    table = pq.read_table(path)
    about = table.schema.metadata or {}
    if about.get(_FROM) != made_from:
        return None
    counts = json.loads(about[_COUNTS])
    counts["dropped"] = Counter(counts["dropped"])
    columns = (table[name].to_pylist() for name in _SCHEMA.names)
    return BuiltBatch([BuiltRow(page, row, True) for page, row in zip(*columns, strict=True)], Counts(**counts))


def _write(path: Path, made_from: bytes, batch: BuiltBatch) -> None:
    columns = [[built.page for built in batch.rows], [built.row for built in batch.rows]]
    counts = {name: getattr(batch.counts, name) for name in Counts.__slots__}
    about = {_FROM: made_from, _COUNTS: json.dumps(counts).encode()}
    working = path.with_suffix(".working")
    pq.write_table(pa.table(columns, schema=_SCHEMA.with_metadata(about)), working)
    working.replace(path)
