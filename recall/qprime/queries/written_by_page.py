"""Looks up written queries by page; checks files that were not written by Onward."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.schema import InputError
from recall.qprime.queries.written import FAILED, NONE, WRITTEN
from recall.qprime.writers.writer import WrittenQuery

OUTCOMES = (WRITTEN, NONE, FAILED)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


_KINDS = {
    "page": (pa.types.is_uint64, "uint64"),
    "outcome": (_is_text, "string"),
    "texts": (lambda kind: _is_list(kind) and _is_text(kind.value_type), "list<string>"),
    "relevance": (lambda kind: _is_list(kind) and pa.types.is_floating(kind.value_type), "list<float>"),
}


class Answer(NamedTuple):
    """The outcome of one page."""

    outcome: str  # one of OUTCOMES
    queries: list[WrittenQuery]


class WrittenQueries:
    """The rows of a file of queries, by page; they stay in Arrow, since there may be millions."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError for a file of another kind, and for a page that appears twice."""
        self._path = path
        self._rows = _read(path)
        page = self._rows["page"].to_numpy()
        self._order = np.argsort(page, kind="stable")
        self._page = page[self._order]
        if (twice := self._page[1:][self._page[1:] == self._page[:-1]]).size:
            raise InputError(f"{path}: page {twice[0]} appears more than once: keep one row per page")

    def __len__(self) -> int:
        return len(self._page)

    def of(self, pages: NDArray[np.uint64]) -> list[Answer | None]:
        """Return the outcome of each page, in order; None for a page not in the file. Raises InputError."""
        if len(self) == 0:
            return [None] * len(pages)
        at = np.minimum(np.searchsorted(self._page, pages), len(self) - 1)
        known = self._page[at] == pages
        rows = iter(self._rows.take(pa.array(self._order[at[known]])).to_pylist())
        return [self._answer(next(rows)) if there else None for there in known.tolist()]

    def _answer(self, row: dict[str, object]) -> Answer:
        outcome, texts, relevance = row["outcome"], row["texts"] or [], row["relevance"] or []
        where = f"{self._path}: page {row['page']}"
        if outcome not in OUTCOMES:
            raise InputError(f"{where} has the outcome {outcome!r}: the outcomes are {', '.join(OUTCOMES)}")
        if not (isinstance(texts, Sequence) and isinstance(relevance, Sequence) and len(texts) == len(relevance)):
            raise InputError(f"{where} has texts and relevance of unequal length: write one number per text")
        queries = []
        for text, value in zip(texts, relevance, strict=True):
            if not text or value is None or not 0 <= value <= 1:
                raise InputError(f"{where} has the query {text!r} of relevance {value}: write a text, and 0 to 1")
            queries.append(WrittenQuery(text, value))
        return Answer(str(outcome), queries)


def _read(path: Path) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: give the queries that a build wrote") from error
    check_columns(path, {name: name_of for name, (_, name_of) in _KINDS.items()}, file.schema_arrow)
    for name, (fits, wanted) in _KINDS.items():
        if not fits(kind := file.schema_arrow.field(name).type):
            raise InputError(f"{path}: column {name!r} is {kind}: write {wanted}")
    return file.read(columns=list(_KINDS))


def check_columns(path: Path, wanted: dict[str, str], found: pa.Schema) -> None:
    """Raise InputError if a column is missing; `wanted` is name -> description."""
    for name, kind in wanted.items():
        if name not in found.names:
            raise InputError(f"{path}: column {name!r} is missing (found: {', '.join(found.names)}): add it, {kind}")
