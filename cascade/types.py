"""The types of the request path: query, candidates, and the protocols of its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Trigger:
    """The page that the reader is on, as ranking sees it."""

    known: bool  # False when the page is in no table and `facts` come from the request
    facts: np.void  # dtype store.page_row.FACTS
    tokens: NDArray[np.uint32]  # without special tokens; the title's come first


@dataclass(frozen=True, slots=True)
class Query:
    """One request: which pages are worth reading after this one?"""

    url: str  # canonical
    page: int  # PageId of `url`
    title: str = ""  # sent by the caller; used only when the page is in no table
    snippet: str = ""
    language: str = ""
    exclude: frozenset[int] = frozenset()  # PageIds that the caller has already shown
    history: tuple[int, ...] = ()  # PageIds of the reader's way to `page`, newest last; no ranked list depends on it
    quality_weight: float | None = None  # λ of this request; None means the bundle's
    variant: tuple[tuple[str, float], ...] = ()  # settings that are not the gateway's, for an arm of an experiment
    at: float = math.nan  # when it is asked, in hours since 1970: for the age of pages; set by the executor
    trigger: Trigger | None = None  # facts about `page`; set by the executor before ranking

    @property
    def has_text(self) -> bool:
        """Whether the caller sent text by which an unknown page can be embedded."""
        return bool(self.title.strip() or self.snippet.strip())


@dataclass(frozen=True, slots=True)
class Candidates:
    """Columnar candidates: row i of every column describes `pages[i]`."""

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

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Candidates:
        """Return the given rows, by index (in that order), by mask, or as a slice, which copies nothing."""
        if isinstance(rows, np.ndarray) and rows.dtype == np.bool_:  # as indices once, not once per column
            rows = np.flatnonzero(rows)
            if len(rows) == len(self):
                return self
        return Candidates._of(self.pages[rows], {name: column[rows] for name, column in self.columns.items()})

    def with_columns(self, columns: Mapping[str, Column]) -> Candidates:
        """Return the same rows with `columns` added or replaced."""
        Candidates(self.pages, columns)  # checks the new columns; the others were checked before
        return Candidates._of(self.pages, {**self.columns, **columns})

    @classmethod
    def _of(cls, pages: NDArray[np.uint64], columns: Mapping[str, Column]) -> Candidates:
        """Return candidates without checking the columns' lengths: fifty checks take 0.1 ms."""
        candidates = object.__new__(cls)
        object.__setattr__(candidates, "pages", pages)
        object.__setattr__(candidates, "columns", columns)
        return candidates

    def followed_by(self, others: Candidates) -> Candidates:
        """Return these rows followed by `others`; missing columns are filled with NaN, or with 0 if not float."""
        if len(others) == 0 or len(self) == 0:
            return self if len(self) else others
        names = dict.fromkeys([*self.columns, *others.columns])
        columns = {
            name: np.concatenate([part._filled(name, self, others) for part in (self, others)]) for name in names
        }
        return Candidates(np.concatenate([self.pages, others.pages]), columns)

    def _filled(self, name: str, *parts: Candidates) -> Column:
        if name in self.columns:
            return self.columns[name]
        like = next(part.columns[name] for part in parts if name in part.columns)
        return np.full((len(self), *like.shape[1:]), np.nan if like.dtype.kind == "f" else 0, like.dtype)

    @staticmethod
    def joined(parts: Sequence[Candidates]) -> Candidates:
        """Return parts with the same columns as one list."""
        if len(parts) < 2:
            return parts[0] if parts else Candidates.empty()
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns}
        return Candidates(np.concatenate([part.pages for part in parts]), columns)

    @staticmethod
    def empty() -> Candidates:
        """Return no candidates."""
        return Candidates(np.empty(0, np.uint64))


class TriggerLookup(Protocol):
    """Looks up the query's own page, or builds its facts from the text that the caller sent."""

    async def locate(self, query: Query) -> Trigger: ...

    def unknown(self, query: Query) -> Trigger:
        """Return the trigger built from the request alone."""
        ...


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


class AnytimeHydrator(Hydrator, Protocol):
    """Adds columns at a cost per row; may run on the best rows first and stop between calls."""

    def waiting(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        """Return a mask of the rows that must be computed: their columns are not cached."""
        ...


class Filter(Protocol):
    """Returns a mask of the rows to keep, one bool per row. Each row is judged by itself."""

    @property
    def name(self) -> str: ...

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]: ...


class Scorer(Protocol):
    """Returns one score per row, in row order; higher is better."""

    @property
    def name(self) -> str: ...

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]: ...
