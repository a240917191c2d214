"""The build's tunables of `related`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal adds to a pair's score.

    Chosen for the "see also" links of half of the pages of three sites (manual pages, the documentation of Python and
    of PostgreSQL), as one softmax over all pages of a site; see docs/experiments.md.
    """

    cosine: float = 4.0
    opening: float = 3.3
    terms: float = 2.5
    title: float = 1.5
    titled: float = 1.6
    mentions: float = 0.45
    mentioned: float = 0.25


@dataclass(frozen=True, slots=True)
class RelatedConfig:
    """Tunables of the table."""

    neighbours: Annotated[int, Field(ge=0, le=1000)] = 50  # stored per page; 0 leaves the path empty
    tokens: Annotated[int, Field(ge=8, le=510)] = 126  # of title and snippet that the encoder reads
    words: Annotated[int, Field(ge=0)] = 10_000  # of title, snippet and body that are read as words
    terms: Annotated[int, Field(ge=1)] = 512  # of a page that are compared, the most distinctive first
    common: Annotated[int, Field(ge=1)] = 2_000  # a word or name on more pages than this is left out
    weights: Weights = field(default_factory=Weights)
