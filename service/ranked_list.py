"""A page's ranked list as it is kept: answers of any k, any exclusions and any λ are chosen from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from cascade.run import POPULAR, UNKNOWN_PAGE
from cascade.types import Candidates, Column
from service.answer import RANK, TEXT, Answer, with_text
from store.page_row import FACTS, parse_text

_ID, _SCORE, _PLACE = np.dtype("<u8"), np.dtype("<f4"), np.dtype("<u2")
#: What the last stage, selection and an answer read of a row, beside the paths' ranks and its text.
_COLUMNS = {
    **{name: FACTS[name] for name in ("host", "address", "fingerprint")},
    **dict.fromkeys(("score", "click", "quality", "stage2", "blend"), _SCORE),
}
_ARRAY, _TEXT, _LIST = 120, 41, 1_500  # bytes that Python takes for an array, a text and the rest of a list

#: Flags of an answer that will be the same when it is asked again: nothing failed, and nothing was late.
_SETTLED = {UNKNOWN_PAGE, POPULAR}


@dataclass(slots=True, eq=False)
class RankedList:
    """What ranking found for one page, best first, and the answers that were chosen from it so far."""

    url1: str
    bundle: str
    rows: Candidates  # light: no tokens, no features
    degraded: tuple[str, ...] = ()
    cut: bool = False  # whether stages left out rows that exclusions could bring back
    narrowed: bool = False  # whether it was ranked without some caller's exclusions
    answers: dict[int, Answer] = field(default_factory=dict)  # by k, without exclusions and with the bundle's λ

    @property
    def size(self) -> int:
        """Bytes that keeping the list takes, about."""
        columns = self.rows.columns
        arrays = self.rows.pages.nbytes + sum(column.nbytes + _ARRAY for column in columns.values())
        texts = sum(len(text) + _TEXT for text in columns[TEXT]) if TEXT in columns else 0
        return _LIST + arrays + texts + sum(answer.size for answer in self.answers.values())

    @property
    def whole(self) -> bool:
        """Whether nothing is missing: it may be served again, and to all."""
        return not self.degraded and not self.narrowed

    @property
    def settled(self) -> bool:
        """Whether it would be the same if it were made again now."""
        return not self.narrowed and _SETTLED.issuperset(self.degraded)


def light(ranked: Candidates) -> Candidates:
    """Return the rows with the columns alone that choosing and showing them needs, in memory of their own."""
    ranked = with_text(ranked)
    names = [name for name in ranked.columns if name in _COLUMNS or name == TEXT or name.startswith(RANK)]
    return Candidates(ranked.pages.copy(), {name: ranked[name].copy() for name in names})


_Number = int | float | None


class _Stored(BaseModel):
    """A list as JSON."""

    url1: str
    bundle: str
    cut: bool
    pages: list[int]
    text: list[tuple[str, str, str, str]]
    columns: dict[str, list[_Number]]


_READER = TypeAdapter(_Stored)


def to_json(ranked: RankedList) -> bytes:
    """Return a whole list as JSON, for `from_json`."""
    columns = {name: _plain(column) for name, column in ranked.rows.columns.items() if name != TEXT}
    text = [tuple(parse_text(row)) for row in ranked.rows.columns.get(TEXT, ())]
    stored = {"url1": ranked.url1, "bundle": ranked.bundle, "cut": ranked.cut, "columns": columns}
    return orjson.dumps({**stored, "pages": ranked.rows.pages.tolist(), "text": text})


def from_json(body: bytes) -> RankedList | None:
    """Return the list that `to_json` wrote; None where the bytes are none."""
    try:
        stored = _READER.validate_json(body, strict=True)
        rows = Candidates(np.array(stored.pages, np.uint64), dict(_read_columns(stored.columns)))
        text = np.empty(len(rows), object)
        text[:] = [orjson.dumps(page) for page in stored.text]
        return RankedList(stored.url1, stored.bundle, rows.with_columns({TEXT: text}), cut=stored.cut)
    except (ValidationError, ValueError, OverflowError, KeyError):  # other lengths, numbers or columns than ours
        return None


def _plain(column: Column) -> list[Any]:
    values = column.tolist()
    return [value if np.isfinite(value) else None for value in values] if column.dtype.kind == "f" else values


def _read_columns(columns: Mapping[str, list[_Number]]) -> dict[str, Column]:
    read = {}
    for name, values in columns.items():
        dtype = _PLACE if name.startswith(RANK) else _COLUMNS[name]
        if dtype.kind == "u":
            if not all(type(value) is int for value in values):
                raise ValueError(f"{name} holds something else than whole numbers")
            read[name] = np.array(values, dtype)
        else:
            with np.errstate(over="ignore"):
                read[name] = np.array([np.nan if value is None else value for value in values], dtype)
    return read
