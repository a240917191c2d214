"""The rules of a search engine of Q' (`recall.qprime.engines.search_engine.SearchEngine`)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.checks import few_examples
from corpus.urls.url import page_id
from recall.qprime.engines.search_engine import Hits, SearchEngine

#: URL -> text of the pages that the engine under test must hold: "fox" once to fifteen times, "den" once.
PAGES = {f"https://a.example/{number}": "fox " * number + f"den {number}" for number in range(1, 16)}

_IDS = {number: page_id(url) for number, url in enumerate(PAGES, start=1)}


class SearchEngineContract:
    """Override `engine`: an engine that holds exactly the pages of PAGES, or one whose server does."""

    @pytest.fixture
    def engine(self) -> SearchEngine:
        """The engine under test."""
        raise NotImplementedError("override the fixture `engine`")

    @few_examples
    @given(numbers=st.lists(st.integers(1, 20), min_size=1, max_size=8))
    def test_answers_come_in_the_order_of_the_queries(self, engine: SearchEngine, numbers: list[int]) -> None:
        answers = engine.search([str(number) for number in numbers], 10)
        found = [None if hits is None else hits.pages.tolist() for hits in answers]
        assert found == [[_IDS[number]] if number in _IDS else [] for number in numbers]

    def test_pages_are_uint64_and_scores_float32(self, engine: SearchEngine) -> None:
        hits = only(engine, "fox den", 10)
        assert hits.pages.dtype == np.uint64
        assert hits.scores.dtype == np.float32

    def test_each_page_has_one_score(self, engine: SearchEngine) -> None:
        hits = only(engine, "fox den", 10)
        assert hits.pages.shape == hits.scores.shape

    def test_finds_only_pages_that_it_holds(self, engine: SearchEngine) -> None:
        assert set(only(engine, "fox den", 10).pages.tolist()) <= set(_IDS.values())

    def test_finds_no_page_twice(self, engine: SearchEngine) -> None:
        pages = only(engine, "fox den", 10).pages.tolist()
        assert len(pages) == len(set(pages))

    def test_best_hits_come_first(self, engine: SearchEngine) -> None:
        assert (np.diff(only(engine, "fox den", 10).scores) <= 0).all()

    def test_scores_are_positive_and_finite(self, engine: SearchEngine) -> None:
        scores = only(engine, "fox den", 10).scores
        assert np.isfinite(scores).all()
        assert (scores > 0).all()

    @pytest.mark.parametrize("limit", [1, 3, 10, 100])
    def test_finds_as_many_as_there_are_up_to_the_limit(self, engine: SearchEngine, limit: int) -> None:
        assert len(only(engine, "fox", limit).pages) == min(limit, len(PAGES))

    def test_same_query_finds_the_same_again(self, engine: SearchEngine) -> None:
        assert only(engine, "fox", 5).pages.tolist() == only(engine, "fox", 5).pages.tolist()

    @pytest.mark.parametrize("blank", ["", "  \n"])
    def test_a_query_without_words_finds_nothing(self, engine: SearchEngine, blank: str) -> None:
        assert len(only(engine, blank, 10).pages) == 0

    def test_no_queries_have_no_answers(self, engine: SearchEngine) -> None:
        assert list(engine.search([], 10)) == []


def only(engine: SearchEngine, query: str, limit: int) -> Hits:
    """Return the hits of one query; None, a query that failed, is not accepted here."""
    (hits,) = engine.search([query], limit)
    assert hits is not None
    return hits
