"""The interface of a search provider behind HTTP: its requests and responses, and how web hits become Hits."""

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

MAX_QUERY = 400  # characters: the limit of Brave and Tavily
NOT_A_URL = "not an http or https URL"
MALFORMED = "malformed response"

#: Errors from reading a response that differs from the provider's documentation: HTML, truncated JSON, other types.
BROKEN_PROMISES = (AttributeError, KeyError, TypeError, ValueError)

# Control characters, and surrogates, which UTF-8 cannot encode.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_MAX_SCORE = 1e30  # fits into a float32


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. `headers` contain secrets, so the repr leaves them out."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


class WebHit(NamedTuple):
    """One hit as the provider sent it, not yet checked."""

    url: Any
    score: Any = None  # None if the provider sends no scores


#: A provider's reply to one query: hits, best first; the HTTP status of a refused query; or a short fixed reason for
#: a failure.
Reply = list[WebHit] | int | str


class Provider(Protocol):
    """One search provider."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str:
        """What answers depend on besides query and limit, without secrets: address, index, fields."""
        ...

    @property
    def queries_a_call(self) -> int: ...

    def call(self, queries: Sequence[str], limit: int) -> Call:
        """Return the request for the queries."""
        ...

    def replies(self, body: Any, queries: int) -> list[Reply]:
        """Read the JSON of a response, one reply per query.

        Raises one of BROKEN_PROMISES if it differs from the provider's documentation.
        """
        ...


def sendable(query: str) -> str:
    """Return the query to send: no control characters, single spaces, at most 400 characters."""
    return " ".join(_UNSENDABLE.sub(" ", query).split())[:MAX_QUERY].rstrip()


def hits(found: Sequence[WebHit], limit: int, dropped: Counter[str]) -> Hits:
    """Return at most `limit` distinct pages, best first; hits without a valid URL are counted in `dropped`."""
    best: dict[int, float] = {}
    for hit, score in zip(found, _scores(found), strict=True):
        try:
            page = page_id(canonical(hit.url))
        except (InvalidURL, TypeError, AttributeError):  # the last two: not a string
            dropped[NOT_A_URL] += 1
        else:
            best[page] = max(score, best.get(page, score))
    pages, scores = np.array(list(best), np.uint64), np.array(list(best.values()), np.float32)
    order = np.argsort(-scores, kind="stable")[:limit]
    return Hits(pages[order], scores[order])


def _scores(found: Sequence[WebHit]) -> list[float]:
    """Return the provider's scores; if one is missing or not a number, the DCG discount of each rank.

    1 / log2(2 + rank) stays above a fifth of the best for thirty hits, so the build's relevance threshold does not
    drop hits of an answer without scores.
    """
    scores = [hit.score for hit in found]
    if all(isinstance(score, (int, float)) and 0 <= score <= _MAX_SCORE for score in scores):
        return [float(score) for score in scores]
    return [1 / math.log2(2 + rank) for rank in range(len(found))]
