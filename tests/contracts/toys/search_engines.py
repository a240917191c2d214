"""A correct search engine, and one that breaks each rule of the contract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from contracts.search_engine import PAGES, SearchEngineContract
from corpus.urls.url import page_id
from recall.qprime.engines.search_engine import Hits, SearchEngine

_MANY = 5  # hits: only the contract's queries for foxes have more


class WordCount:
    """Finds pages by how often the words of the query are on them."""

    breaks = ""

    def search(self, queries: Sequence[str], limit: int) -> list[Hits]:
        return [self.hits(query, limit) for query in queries]

    def hits(self, query: str, limit: int) -> Hits:
        count = {page_id(url): sum(map(text.split().count, query.split())) for url, text in PAGES.items()}
        pages = sorted((page for page in count if count[page]), key=lambda page: -count[page])[:limit]
        return Hits(np.array(pages, np.uint64), np.array([count[page] for page in pages], np.float32))


class LosesTheOrder(WordCount):
    breaks = "test_answers_come_in_the_order_of_the_queries"

    def search(self, queries: Sequence[str], limit: int) -> list[Hits]:
        return super().search(sorted(queries), limit)


class DoublePrecision(WordCount):
    breaks = "test_pages_are_uint64_and_scores_float32"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        return Hits(hits.pages, hits.scores.astype(np.float64))  # type: ignore[arg-type]


class LosesAScore(WordCount):
    breaks = "test_each_page_has_one_score"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        return Hits(hits.pages, hits.scores[:-1])


class FindsAPageOfNoTable(WordCount):
    breaks = "test_finds_only_pages_that_it_holds"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        hits.pages[_MANY:] += np.uint64(1)
        return hits


class RepeatsAPage(WordCount):
    breaks = "test_finds_no_page_twice"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        hits.pages[_MANY:] = hits.pages[:1]
        return hits


class WorstFirst(WordCount):
    breaks = "test_best_hits_come_first"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        return Hits(hits.pages[::-1], hits.scores[::-1])


class NegativeScores(WordCount):
    breaks = "test_scores_are_positive_and_finite"

    def hits(self, query: str, limit: int) -> Hits:
        hits = super().hits(query, limit)
        return Hits(hits.pages, hits.scores - 100)


class IgnoresTheLimit(WordCount):
    breaks = "test_finds_as_many_as_there_are_up_to_the_limit"

    def search(self, queries: Sequence[str], limit: int) -> list[Hits]:
        return super().search(queries, 1000)


class ChangesItsMind(WordCount):
    breaks = "test_same_query_finds_the_same_again"
    calls = 0

    def hits(self, query: str, limit: int) -> Hits:
        self.calls += 1
        hits = super().hits(query, limit)
        return Hits(np.roll(hits.pages, self.calls), hits.scores)


class AnswersABlankQuery(WordCount):
    breaks = "test_a_query_without_words_finds_nothing"

    def hits(self, query: str, limit: int) -> Hits:
        return super().hits(query if query.strip() else "fox", limit)


class NeedsAQuery(WordCount):
    breaks = "test_no_queries_have_no_answers"

    def search(self, queries: Sequence[str], limit: int) -> list[Hits]:
        longest = max(map(len, queries))
        return super().search([query[:longest] for query in queries], limit)


class TestWordCount(SearchEngineContract):
    @pytest.fixture(params=[WordCount, *WordCount.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[WordCount]:
        return request.param

    @pytest.fixture
    def engine(self, toy: type[WordCount]) -> SearchEngine:
        return toy()
