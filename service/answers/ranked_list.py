"""A page's ranked list as it is cached: answers of any k, exclusions and λ are selected from it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from cascade.executor import LANGUAGE, POPULAR, RANK, UNKNOWN_PAGE
from cascade.types import Candidates
from corpus.urls.url import page_id
from ranking.blend import LLM
from service.answers.answer import CACHE, COMPUTED, Answer, ServedBy
from store.page_row import read_facts
from store.tables import LocalTable

_SCORES = frozenset(("score", "click", "quality", "stage2", "blend"))  # what the last stage and answers read
_KNOWN = _SCORES | {LLM}  # the last is in some lists only
_FACTS = ("host", "address", "copy", "fingerprint", "published", "language", "spam", "adult")  # what selection reads
_LIST = 500  # bytes that Python takes for a list without its rows

#: Reasons for which an answer is degraded although nothing failed or was late: the next one is degraded too.
_STABLE = {UNKNOWN_PAGE, POPULAR}


@dataclass(slots=True, eq=False)
class RankedList:
    """What ranking found for one page, best first, and the answers that were selected from it so far.

    A row holds a page's ID, scores and ranks in the recall paths; the rest is read from the bundle's table.
    """

    url1: str
    bundle: str
    rows: NDArray[np.void]
    degraded: tuple[str, ...] = ()
    cut: bool = False  # whether stages left out rows that exclusions could bring back
    reusable: bool = True  # False when it was ranked for one request only: without its exclusions, or explained
    served_by: ServedBy = COMPUTED  # where it comes from
    thinned: tuple[int, ...] = ()  # fingerprints of the rules that had blocked pages before they were ranked
    dropped: Mapping[str, int] = field(default_factory=dict)  # of a stored list: reason -> candidates
    answers: dict[Hashable, Answer] = field(default_factory=dict)  # by k and arm, without exclusions and λ of requests

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return _LIST + self.rows.nbytes + sum(answer.size for answer in self.answers.values())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: other requests may be answered from it."""
        return self.reusable and not self.degraded

    @property
    def stable(self) -> bool:
        """Whether ranking the page again now would give the same list."""
        return self.reusable and all(reason in _STABLE or reason.startswith(LANGUAGE) for reason in self.degraded)

    def has(self, pages: frozenset[int]) -> bool:
        """Return whether any of these pages is in the list, or is the one that it was ranked for."""
        return page_id(self.url1) in pages or not pages.isdisjoint(self.rows["page"].tolist())

    def candidates(self, pages: LocalTable) -> Candidates:
        """Return the rows as candidates, with what selection and the answer need of their pages."""
        held = pages.read(self.rows["page"])
        rows = self.rows[[row is not None for row in held]] if None in held else self.rows
        text = np.empty(len(rows), object)
        text[:] = [row for row in held if row is not None]
        facts = read_facts(text.tolist())
        columns = {name: rows[name] for name in rows.dtype.names or () if name != "page"}
        return Candidates(rows["page"], {**columns, **{name: facts[name] for name in _FACTS}, "row": text})


def compact(ranked: Candidates) -> NDArray[np.void]:
    """Return the rows of a `RankedList`."""
    names = [name for name in ranked.columns if name in _KNOWN or name.startswith(RANK)]
    rows = np.empty(len(ranked), _row_type("page", *names))
    rows["page"] = ranked.pages
    for name in names:
        rows[name] = ranked[name]
    return rows


@lru_cache(64)
def _row_type(*names: str) -> np.dtype[np.void]:
    """Return the type of a row; lists share it, since it takes as much memory as the rows of a list."""
    return np.dtype([(name, "<u8" if name == "page" else "<u2" if name.startswith(RANK) else "<f4") for name in names])


class _Stored(BaseModel):
    """A ranked list as JSON."""

    url1: str
    bundle: str
    cut: bool
    thinned: tuple[int, ...]
    columns: dict[str, list[int | float | None]]


def to_json(ranked: RankedList) -> bytes:
    """Return a complete list as JSON, for `from_json`."""
    columns = {name: _plain(ranked.rows[name]) for name in ranked.rows.dtype.names or ()}
    about = {"url1": ranked.url1, "bundle": ranked.bundle, "cut": ranked.cut, "thinned": ranked.thinned}
    return orjson.dumps({**about, "columns": columns})


def from_json(body: bytes) -> RankedList | None:
    """Return the list that `to_json` wrote; None where the bytes are not such a list."""
    try:
        stored = _Stored.model_validate_json(body, strict=True)
        rows = _read_rows(stored.columns)
        return RankedList(stored.url1, stored.bundle, rows, cut=stored.cut, served_by=CACHE, thinned=stored.thinned)
    except (ValidationError, ValueError, OverflowError):  # wrong lengths, numbers or columns
        return None


def _plain(column: NDArray[Any]) -> list[Any]:
    values = column.tolist()
    return [value if np.isfinite(value) else None for value in values] if column.dtype.kind == "f" else values


def _read_rows(columns: dict[str, list[int | float | None]]) -> NDArray[np.void]:
    needed = {"page", *(_SCORES if "blend" in columns else {"score"})}  # all blended scores, for a request's own λ
    if not needed <= columns.keys() or not all(name in needed | _KNOWN or name.startswith(RANK) for name in columns):
        raise ValueError("unexpected columns")
    rows = np.empty(len(columns["page"]), _row_type(*columns))
    for name, values in columns.items():
        rows[name] = _read_column(name, values, rows.dtype[name], len(rows))
    return rows


def _read_column(name: str, values: list[int | float | None], dtype: np.dtype[Any], rows: int) -> NDArray[Any]:
    if len(values) != rows:
        raise ValueError(f"{name} has {len(values)} values")
    if dtype.kind == "u":
        if not all(type(value) is int for value in values):
            raise ValueError(f"{name} holds values that are not integers")
        return np.array(values, dtype)
    with np.errstate(over="ignore"):
        return np.array([np.nan if value is None else value for value in values], dtype)
