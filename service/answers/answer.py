"""What a caller asks and what it gets: plain values that HTTP, gRPC and the batch command share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
import xxhash
from numpy.typing import NDArray

from cascade.executor import NOT_RECALLED, RANK
from cascade.types import Candidates
from store import page_row

MAX_K = 30
DEFAULT_K = 5
MAX_BATCH = 100
_OBJECT = 200  # bytes that Python takes for an answer beside its JSON


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


class Contents(NamedTuple):
    """What an answer says."""

    url1: str
    recommendations: tuple[Recommendation, ...]
    bundle: str
    explain: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cascade answered, as JSON without what belongs to one request; the same for all who ask the same.

    It is kept and sent so: as objects it would take several times the bytes.
    """

    body: bytes
    tag: str  # what it goes by in caches: the same for the same pages of the same bundle
    degraded: tuple[str, ...]
    explained: bool

    @classmethod
    def of(
        cls,
        url1: str,
        shown: tuple[Recommendation, ...],
        degraded: tuple[str, ...],
        bundle: str,
        explain: dict[str, Any] | None = None,
    ) -> Answer:
        """Return the answer that says this."""
        said: dict[str, Any] = {"url1": url1, "recommendations": shown, "degraded": degraded, "bundle": bundle}
        said |= {} if explain is None else {"explain": explain}
        body = bytes(memoryview(orjson.dumps(said)))  # orjson's own has up to as much unused room behind it
        return cls(body, xxhash.xxh3_128_hexdigest(body), degraded, explain is not None)

    def read(self) -> Contents:
        """Return what the answer says."""
        said = orjson.loads(self.body)
        shown = tuple(map(_recommendation, said["recommendations"]))
        return Contents(said["url1"], shown, said["bundle"], said.get("explain"))

    @property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """The pages, best first."""
        return self.read().recommendations

    def json(self, request_id: str, took_ms: float) -> bytes:
        """Return the whole JSON answer of one request; `request_id` is plain ASCII without quotes."""
        return b'%b,"request_id":"%b","took_ms":%.3f}' % (self.body[:-1], request_id.encode(), took_ms)

    @property
    def size(self) -> int:
        """Bytes that keeping the answer takes, about."""
        return _OBJECT + len(self.body)

    @property
    def cacheable(self) -> bool:
        """Whether the answer may be served again: whole, and not a record of one run."""
        return not self.degraded and not self.explained


def _recommendation(said: dict[str, Any]) -> Recommendation:
    found = tuple(RecalledBy(**each) for each in said["recalled_by"])
    return Recommendation(**{**said, "recalled_by": found})


def recommendations(chosen: Candidates) -> tuple[Recommendation, ...]:
    """Return the chosen candidates as a reader sees them; they carry `score`, `rank_<path>` and their `row`."""
    if len(chosen) == 0:
        return ()
    nothing: NDArray[np.float32] = np.full(len(chosen), np.nan, np.float32)
    click, quality = (chosen.columns.get(name, nothing) for name in ("click", "quality"))
    ranks = {name.removeprefix(RANK): column for name, column in chosen.columns.items() if name.startswith(RANK)}
    found = []
    for i, row in enumerate(chosen["row"]):
        text = page_row.read_text(row)
        recalled_by = tuple(
            RecalledBy(path, int(rank[i]) + 1) for path, rank in ranks.items() if rank[i] != NOT_RECALLED
        )
        score, clicked, good = (finite(column[i]) for column in (chosen["score"], click, quality))
        found.append(Recommendation(text.url, text.title, text.snippet, score, clicked, good, recalled_by))
    return tuple(found)


def finite(value: Any) -> float | None:
    """Return a number that JSON can hold, with six digits after the point; None for NaN and infinities."""
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None
