"""The vocabulary of the request path: query, candidates, and what a stage may do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Trigger:
    """The page that the reader is on, as ranking sees it."""

    known: bool  # False when no table holds the page and `facts` were made from the request
    facts: np.void  # dtype store.page_row.FACTS
    tokens: NDArray[np.uint32]  # without special tokens, the title's first


@dataclass(frozen=True, slots=True)
class Query:
    """One question: which pages are worth reading after this one?"""

    url: str  # canonical
    page: int  # PageId of `url`
    title: str = ""  # sent by the caller; used only when no table knows the page
    snippet: str = ""
    language: str = ""
    exclude: frozenset[int] = frozenset()  # PageIds that the caller has shown already
    quality_weight: float | None = None  # λ of this request; None takes the bundle's
    trigger: Trigger | None = None  # what the tables know of `page`; set by the executor before ranking

    @property
    def has_text(self) -> bool:
        """Whether the caller sent words by which an unknown page can be embedded."""
        return bool(self.title.strip() or self.snippet.strip())


@dataclass(frozen=True, slots=True)
class Candidates:
    """Columnar candidates: row i of every column speaks of `pages[i]`."""

    pages: NDArray[np.uint64]
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if len(column) != len(self.pages):
                raise ValueError(f"column {name!r} has {len(column)} rows; there are {len(self.pages)} candidates")

    def __len__(self) -> int:
        return len(self.pages)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Candidates:
        """Return the given rows, by index (in that order) or by mask."""
        return Candidates(self.pages[rows], {name: column[rows] for name, column in self.columns.items()})

    def with_columns(self, columns: Mapping[str, Column]) -> Candidates:
        """Return the same rows with `columns` added or replaced."""
        return replace(self, columns={**self.columns, **columns})

    @staticmethod
    def empty() -> Candidates:
        """Return no candidates."""
        return Candidates(np.empty(0, np.uint64))


class TriggerLookup(Protocol):
    """Finds what is known of the query's own page, or makes it from the words that the caller sent."""

    async def locate(self, query: Query) -> Trigger: ...


class RecallPath(Protocol):
    """Finds candidates for a query, best first, without duplicates and without the query's own page."""

    @property
    def name(self) -> str: ...

    async def recall(self, query: Query, limit: int) -> Candidates: ...


class Hydrator(Protocol):
    """Adds columns, never rows."""

    @property
    def name(self) -> str: ...

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates: ...


class Filter(Protocol):
    """Says which rows stay: a mask, one bool a row."""

    @property
    def name(self) -> str: ...

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]: ...


class Scorer(Protocol):
    """Gives one number a row, in the rows' order; higher is better."""

    @property
    def name(self) -> str: ...

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]: ...
