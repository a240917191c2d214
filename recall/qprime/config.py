"""The build's tunables of Q'."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from recall.qprime.queries.distinct import ALIKE
from recall.qprime.row import MAX_PAGES

RemoteName = Literal["opensearch", "brave", "tavily"]
EngineName = Literal["tantivy"] | RemoteName


@dataclass(frozen=True, slots=True)
class Generic:
    """When a query is generic.

    The thresholds lie between unrelated pages and pages on one subject, on an encyclopedia and a simulated web: the
    mean cosine was 0.17 to 0.32 for unrelated pages, 0.40 to 0.72 for pages with a topical query and 0.30 to 0.32 with
    a vague one (`everyday life`); the share of common words, 0.07 to 0.17 for unrelated pages and 0.25 to 0.71 for the
    others.
    Titles alone did not tell them apart.
    """

    pages: int = 20  # the same query on fewer pages is never generic
    sample: int = 50  # of its pages, whose likeness is measured
    cosine: float = 0.35  # vectors given: pages whose mean pairwise cosine is below this are unrelated
    shared: float = 0.2  # no vectors: pages of which two share less than this part of their words on average


@dataclass(frozen=True, slots=True)
class QueryFilters:
    """Tunables of the filters on queries."""

    relevance: float = 0.3  # 0 to 1: queries that their writer thinks less relevant are dropped
    shortest: int = 3  # letters and digits; one of a script without spaces counts twice
    most_words: int = 24
    longest: int = 160  # characters
    language: bool = True  # whether to detect a query's language and compare it with its page's
    alike: float = ALIKE  # of two queries of a page whose words overlap more than this (Jaccard), the first stays
    generic: Generic = field(default_factory=Generic)


@dataclass(frozen=True, slots=True)
class QPrimeConfig:
    """Tunables of the build."""

    hits: int = 10  # requested per query, not counting the page itself
    relevance: float = 0.2  # hits other than the page itself below this share of their query's best are dropped
    min_quality: float = 1.0  # 0 to 4
    keep: int = MAX_PAGES  # pages per row; 0 leaves Q' out: the rankers then learn without it
    writer: Literal["key_phrases", "llm", "information_need"] = "key_phrases"  # llm: the endpoint of ONWARD_LLM_*
    # of the llm: queries_short for a small model, small_writer for one that `onward qprime train-writer` made
    prompt: Literal["queries", "queries_short", "small_writer"] = "queries"
    causal: str = ""  # of information_need: a path or a hub name
    engine: EngineName = "tantivy"  # or a remote one, of ONWARD_SEARCH_*
    judge: Literal["rubric", "student"] = "rubric"  # of what was found; the student must be trained before
    adult: bool = False  # whether adult pages may be found; serving drops them too, unless told otherwise
    batch: int = 1_024  # pages in memory at once
    progress: bool = True
    filters: QueryFilters = field(default_factory=QueryFilters)
