"""What a caller asks and what it gets: plain values that HTTP, gRPC and the batch command share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import xxhash
from numpy.typing import NDArray

from cascade.run import NOT_RECALLED
from cascade.types import Candidates
from store import page_row

MAX_K = 30
DEFAULT_K = 5
MAX_BATCH = 100
RANK = "rank_"  # what the name of a path's rank column begins with
TEXT = "text"  # the column of what readers see of a page, as store.page_row.parse_text reads it
_OVERHEAD = 4  # Python objects hold about four times the bytes of their JSON


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, already checked except for its URL."""

    url1: str
    k: int = DEFAULT_K
    explain: bool = False
    title: str = ""
    snippet: str = ""
    language: str = ""
    exclude: tuple[str, ...] = ()
    quality_weight: float | None = None
    budget_ms: float | None = None


@dataclass(frozen=True, slots=True)
class RecalledBy:
    """A recall path that found a page, and the place it gave it; 1 is the best."""

    path: str
    rank: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One page worth reading next. Numbers are finite, or None where no model gave one."""

    url: str
    title: str
    snippet: str
    score: float | None
    click: float | None
    quality: float | None
    recalled_by: tuple[RecalledBy, ...]


@dataclass(frozen=True)
class Answer:
    """What the cascade answered; the same for every caller that asks the same."""

    url1: str
    recommendations: tuple[Recommendation, ...]
    degraded: tuple[str, ...]
    bundle: str
    explain: dict[str, Any] | None = field(default=None, compare=False)

    @cached_property
    def body(self) -> bytes:
        """The JSON object without what belongs to one request; made once, since answers are cached."""
        shared = {
            "url1": self.url1,
            "recommendations": self.recommendations,
            "degraded": self.degraded,
            "bundle": self.bundle,
        }
        return orjson.dumps(shared if self.explain is None else {**shared, "explain": self.explain})

    @cached_property
    def tag(self) -> str:
        """What the answer goes by in caches: the same for the same pages of the same bundle."""
        return xxhash.xxh3_128_hexdigest(self.body)

    def json(self, request_id: str, took_ms: float) -> bytes:
        """Return the whole JSON answer of one request; `request_id` is plain ASCII without quotes."""
        return b'%b,"request_id":"%b","took_ms":%.3f}' % (self.body[:-1], request_id.encode(), took_ms)

    @property
    def size(self) -> int:
        """Bytes that keeping the answer takes, about."""
        return _OVERHEAD * len(self.body)

    @property
    def cacheable(self) -> bool:
        """Whether the answer may be served again: whole, and not a record of one run."""
        return not self.degraded and self.explain is None


def recommendations(chosen: Candidates) -> tuple[Recommendation, ...]:
    """Return the chosen candidates as a reader sees them.

    They carry `score`, `rank_<path>` and either `text` or the `row` that it is part of.
    """
    if len(chosen) == 0:
        return ()
    nothing: NDArray[np.float32] = np.full(len(chosen), np.nan, np.float32)
    click, quality = (chosen.columns.get(name, nothing) for name in ("click", "quality"))
    ranks = {name.removeprefix(RANK): column for name, column in chosen.columns.items() if name.startswith(RANK)}
    found = []
    for i, row in enumerate(with_text(chosen)[TEXT]):
        text = page_row.parse_text(row)
        recalled_by = tuple(
            RecalledBy(path, int(rank[i]) + 1) for path, rank in ranks.items() if rank[i] != NOT_RECALLED
        )
        score, clicked, good = (finite(column[i]) for column in (chosen["score"], click, quality))
        found.append(Recommendation(text.url, text.title, text.snippet, score, clicked, good, recalled_by))
    return tuple(found)


def with_text(rows: Candidates) -> Candidates:
    """Return the rows with the column `text`, cut out of their `row` where they lack it."""
    if TEXT in rows.columns or "row" not in rows.columns:
        return rows
    text = np.empty(len(rows), object)
    text[:] = [page_row.text_of(row) for row in rows["row"]]
    return rows.with_columns({TEXT: text})


def finite(value: Any) -> float | None:
    """Return a number that JSON can hold, with six digits after the point; None for NaN and infinities."""
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None
