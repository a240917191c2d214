"""Writes and reads the file of what is known of all pages, after the writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recall.knowledge.extract import Extractor
from recall.knowledge.llm import LlmKnowledge
from recall.knowledge.source import KnownPage

_SCHEMA = pa.schema([("url", pa.string()), ("title", pa.string()), ("text", pa.string()), ("source", pa.string())])


def write(
    path: Path,
    pages: Iterable[list[KnownPage]],
    extractor: Extractor,
    llm: LlmKnowledge | None,
    progress: Callable[[int], object],
) -> None:
    """Write a row per page, in the order of the pages, one row group per batch; a finished file is kept."""
    if path.exists():
        return
    beside, done = path.with_suffix(".writing"), 0
    with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as file:
        for batch in pages:
            asked: list[str | None] = [None] * len(batch) if llm is None else llm.write(batch)
            texts = [own or extractor.write(page) for own, page in zip(asked, batch, strict=True)]
            sources = ["llm" if own else page.source for own, page in zip(asked, batch, strict=True)]
            columns = [[page.url for page in batch], [page.title for page in batch], texts, sources]
            file.write_table(pa.table(columns, schema=_SCHEMA))
            done += len(batch)
            progress(done)
    beside.replace(path)


def counted(path: Path) -> dict[str, int]:
    """Return how many texts came from where."""
    return dict(Counter(pq.read_table(path, columns=["source"])["source"].to_pylist()))


def chunks(path: Path) -> list[NDArray[np.intp]]:
    """Return the rows of each batch of the file."""
    about = pq.ParquetFile(path).metadata
    ends = np.cumsum([about.row_group(number).num_rows for number in range(about.num_row_groups)], dtype=np.intp)
    return [np.arange(start, end, dtype=np.intp) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def batch_of(path: Path, number: int) -> dict[str, list[str]]:
    """Return the columns of one batch."""
    columns: dict[str, list[str]] = pq.ParquetFile(path).read_row_group(number).to_pydict()
    return columns
