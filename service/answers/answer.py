"""What a caller gets: plain values that HTTP, gRPC and the batch command share."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import orjson
import xxhash

ServedBy = Literal["stored", "computed", "cache"]

#: Where an answer comes from: the bundle's table of answers, the cascade, or a list that was kept from an earlier one.
STORED: ServedBy = "stored"
COMPUTED: ServedBy = "computed"
CACHE: ServedBy = "cache"

_OBJECT = 500  # bytes that Python takes for an answer beside its JSON


@dataclass(frozen=True, slots=True)
class RecalledBy:
    """A recall path that found a page, and the page's rank in that path; 1 is the best."""

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


class Terms(NamedTuple):
    """How long an answer may be shown: under one version of the rules, and until a time (seconds since 1970)."""

    rules: int = 0
    until: float = math.inf


#: The terms of an answer that no rule and no end of a page limits.
ALWAYS = Terms()


class Contents(NamedTuple):
    """What an answer contains."""

    url1: str
    recommendations: tuple[Recommendation, ...]
    bundle: str
    explain: dict[str, Any] | None
    answer_id: str | None


class Name(NamedTuple):
    """An answer's signed ID, which is not part of its tag, and the period in which it was given, which is."""

    answer_id: str
    period: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as JSON, without the fields of a single request; equal requests share it.

    It is cached and sent in this form: as objects it would take several times the memory.
    """

    body: bytes
    tag: str  # for HTTP caches: equal for the same pages of the same bundle
    degraded: tuple[str, ...]
    paths: tuple[tuple[str, int], ...]  # recall path -> how many of the pages it found
    explained: bool
    shown: int  # recommendations
    served_by: ServedBy = COMPUTED
    terms: Terms = ALWAYS
    rules: tuple[tuple[str, str], ...] = ()  # action and label of the rules that acted on the list
    pages: tuple[int, ...] = ()  # PageIds of the reader's page and of the pages shown
    arm: str = ""  # experiment and arm

    @classmethod
    def of(
        cls,
        url1: str,
        recommendations: tuple[Recommendation, ...],
        degraded: tuple[str, ...],
        bundle: str,
        explain: dict[str, Any] | None = None,
        name: Name | None = None,
        arm: str = "",
    ) -> Answer:
        """Return the answer with these contents."""
        contents: dict[str, Any] = {
            "url1": url1,
            "recommendations": recommendations,
            "degraded": degraded,
            "bundle": bundle,
        }
        contents |= {} if explain is None else {"explain": explain}
        body = bytes(memoryview(orjson.dumps(contents)))  # a copy: orjson's own buffer is up to twice as large
        tag = xxhash.xxh3_128_hexdigest(body)
        if name is not None:
            body = b'%b,"answer_id":"%b"}' % (body[:-1], name.answer_id.encode())
            tag = f"{tag}-{name.period}"
        paths = Counter(found.path for page in recommendations for found in page.recalled_by)
        return cls(
            body,
            tag,
            degraded,
            tuple(paths.items()),
            explain is not None,
            len(recommendations),
            arm=arm,
        )

    def read(self) -> Contents:
        """Return the contents of the answer."""
        contents = orjson.loads(self.body)
        pages = tuple(map(_recommendation, contents["recommendations"]))
        explained, answer_id = contents.get("explain"), contents.get("answer_id")
        return Contents(contents["url1"], pages, contents["bundle"], explained, answer_id)

    @property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """The pages, best first."""
        return self.read().recommendations

    def json(self, request_id: str, took_ms: float) -> bytes:
        """Return the complete JSON answer to one request; `request_id` is plain ASCII without quotes."""
        values = (self.body[:-1], self.served_by.encode(), request_id.encode(), took_ms)
        return b'%b,"served_by":"%b","request_id":"%b","took_ms":%.3f}' % values

    def from_(self, source: ServedBy) -> Answer:
        """Return the same answer with another source."""
        return replace(self, served_by=source)

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return _OBJECT + len(self.body)

    @property
    def cacheable(self) -> bool:
        """Whether the answer may be served again: nothing is missing, and it does not explain one run."""
        return not self.degraded and not self.explained


def _recommendation(values: dict[str, Any]) -> Recommendation:
    found = tuple(RecalledBy(**each) for each in values["recalled_by"])
    return Recommendation(**{**values, "recalled_by": found})


def finite(value: Any) -> float | None:
    """Return a number that JSON can hold, with six digits after the point; None for NaN and infinities."""
    number = float(value)
    return round(number, 6) if math.isfinite(number) else None
