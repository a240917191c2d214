"""A correct query writer, and one that breaks each rule of the contract."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from contracts.query_writer import QueryWriterContract
from recall.qprime.writers.writer import PageWords, QueryWriter, WrittenQuery


class Titles:
    """Writes the title, and the title with other words."""

    breaks = ""

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        return [self.queries(page) for page in pages]

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return [WrittenQuery(page.title, 0.9), WrittenQuery(f"{page.title} food and family", 0.8)]


class WritesNothing(Titles):
    breaks = "test_writes_queries_for_a_page_with_words"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return []


class LosesTheOrder(Titles):
    breaks = "test_lists_come_in_the_order_of_the_pages"

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        return super().write(sorted(pages, key=lambda page: page.url))


class WritesAListTooMany(Titles):
    breaks = "test_each_page_has_one_list"

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        lists = super().write(pages)
        return [*lists[:1], [], *lists[1:]] if lists else []


class NeedsAPage(Titles):
    breaks = "test_no_pages_have_no_lists"

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        return [self.queries(pages[0]), *super().write(pages[1:])]


class WritesEleven(Titles):
    breaks = "test_writes_at_most_ten_queries_per_page"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return [WrittenQuery(f"{page.title} {number} {number + 100}") for number in range(11)]


class WritesDots(Titles):
    breaks = "test_queries_have_words"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return [*super().queries(page), WrittenQuery("...", 0.0)]


class RepeatsAQuery(Titles):
    breaks = "test_queries_of_a_page_differ"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return [*super().queries(page), WrittenQuery(page.title, 0.7)]


class OverstatesRelevance(Titles):
    breaks = "test_relevance_is_between_0_and_1"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return [WrittenQuery(page.title, 90.0)]


class LeastRelevantFirst(Titles):
    breaks = "test_most_relevant_queries_come_first"

    def queries(self, page: PageWords) -> list[WrittenQuery]:
        return super().queries(page)[::-1]


class ChangesItsMind(Titles):
    breaks = "test_same_pages_have_the_same_queries_again"
    last: Sequence[PageWords] = ()

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        again, self.last = pages == self.last, pages
        return [queries[again:] for queries in super().write(pages)]


class TestTitles(QueryWriterContract):
    @pytest.fixture(params=[Titles, *Titles.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Titles]:
        return request.param

    @pytest.fixture
    def writer(self, toy: type[Titles]) -> QueryWriter:
        return toy()
