"""What a search provider behind HTTP is: how it is asked, how its answer is read, and how web hits become Hits."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from corpus.urls.url import InvalidURL, canonical, page_id
from recall.qprime.engines.search_engine import Hits

MAX_QUERY = 400  # characters: what Brave and Tavily take at most
NOT_A_URL = "not an http or https URL"
MALFORMED = "answer not understood"

#: What reading an answer raises when it is not what the provider documents: HTML, half a JSON, other types.
BROKEN_PROMISES = (AttributeError, KeyError, TypeError, ValueError)

# Control characters, and halves of surrogate pairs, which UTF-8 cannot carry.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_MAX_SCORE = 1e30  # a float32 holds it


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. `headers` hold the secrets, so they are not shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


class WebHit(NamedTuple):
    """One hit as a provider gave it; nothing of it is checked yet."""

    url: Any
    score: Any = None  # None where the provider tells no scores


#: What a provider said to one query: hits, best first; the HTTP status that it refused this query with; or a short
#: fixed reason why there is no answer.
Reply = list[WebHit] | int | str


class Provider(Protocol):
    """One search provider."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str:
        """What its answers depend on besides query and limit, without secrets: address, index, fields."""
        ...

    @property
    def queries_a_call(self) -> int: ...

    def call(self, queries: Sequence[str], limit: int) -> Call:
        """Return the request that asks the queries."""
        ...

    def replies(self, body: Any, queries: int) -> list[Reply]:
        """Read the JSON of an answer, one reply a query.

        Raises one of BROKEN_PROMISES when it is not what the provider documents.
        """
        ...


def sendable(query: str) -> str:
    """Return the query as it is sent: no control characters, single spaces, at most 400 characters."""
    return " ".join(_UNSENDABLE.sub(" ", query).split())[:MAX_QUERY].rstrip()


def hits(found: Sequence[WebHit], limit: int, dropped: Counter[str]) -> Hits:
    """Return at most `limit` pages, best first, each once; hits that are no URLs are counted in `dropped`."""
    best: dict[int, float] = {}
    for hit, score in zip(found, _scores(found), strict=True):
        try:
            page = page_id(canonical(hit.url))
        except (InvalidURL, TypeError, AttributeError):  # the last two: no string at all
            dropped[NOT_A_URL] += 1
        else:
            best[page] = max(score, best.get(page, score))
    pages, scores = np.array(list(best), np.uint64), np.array(list(best.values()), np.float32)
    order = np.argsort(-scores, kind="stable")[:limit]
    return Hits(pages[order], scores[order])


def _scores(found: Sequence[WebHit]) -> list[float]:
    """Return the provider's scores; where one is missing or no number, the DCG discount of each rank.

    1 / log2(2 + rank) stays above a fifth of the best for thirty hits, so that the build's limit on relevance
    does not cut an answer that says nothing of relevance.
    """
    scores = [hit.score for hit in found]
    if all(isinstance(score, (int, float)) and 0 <= score <= _MAX_SCORE for score in scores):
        return [float(score) for score in scores]
    return [1 / math.log2(2 + rank) for rank in range(len(found))]
