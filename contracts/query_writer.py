"""The rules of a query writer of Q' (`recall.qprime.writers.writer.QueryWriter`)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from corpus.text.words import words
from recall.qprime.queries.distinct import Distinct
from recall.qprime.writers.writer import MAX_QUERIES, PageWords, QueryWriter, WrittenQuery
from store.page_row import PageText


class QueryWriterContract:
    """Override `writer`, and `pages` where the default ones do not fit."""

    @pytest.fixture
    def writer(self) -> QueryWriter:
        """The writer under test."""
        raise NotImplementedError("override the fixture `writer`")

    @pytest.fixture
    def pages(self) -> Sequence[PageWords]:
        """At least two pages. The writer must write queries for the first, and different ones for the last."""
        return [
            PageText("https://a.example/fox", "Red fox", "The red fox hunts small rodents at night.", "en"),
            PageText("https://a.example/owl", "Owl", "A bird of the night that hunts small rodents.", "en"),
        ]

    def test_writes_queries_for_a_page_with_words(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert writer.write(pages)[0]

    def test_lists_come_in_the_order_of_the_pages(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert list(writer.write([*pages][::-1])) == list(writer.write(pages))[::-1]

    def test_each_page_has_one_list(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert len(writer.write(pages)) == len(pages)

    def test_no_pages_have_no_lists(self, writer: QueryWriter) -> None:
        assert list(writer.write([])) == []

    def test_writes_at_most_ten_queries_per_page(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert max(map(len, written(writer, pages))) <= MAX_QUERIES

    def test_queries_have_words(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert all(words(query.text) for queries in written(writer, pages) for query in queries)

    def test_queries_of_a_page_differ(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        for queries in written(writer, pages):
            distinct = Distinct()
            assert all(distinct.takes(words(query.text) or [query.text]) for query in queries)

    def test_relevance_is_between_0_and_1(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert all(0 <= query.relevance <= 1 for queries in written(writer, pages) for query in queries)

    def test_most_relevant_queries_come_first(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        for queries in written(writer, pages):
            relevance = [query.relevance for query in queries]
            assert relevance == sorted(relevance, reverse=True)

    def test_same_pages_have_the_same_queries_again(self, writer: QueryWriter, pages: Sequence[PageWords]) -> None:
        assert list(writer.write(pages)) == list(writer.write(pages))


def written(writer: QueryWriter, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
    """Return the queries of the pages that could be asked for."""
    return [queries for queries in writer.write(pages) if queries is not None]
