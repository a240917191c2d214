"""A correct recall path, and one that breaks each rule of the contract."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from cascade.types import Candidates, Query
from contracts.checks import query_for
from contracts.recall_path import RecallPathContract

A, B = query_for("https://a.example/"), query_for("https://b.example/")
LINKS = {A.page: range(101, 141), B.page: range(141, 151)}


class Links:
    """Returns the pages that a page links to."""

    breaks = ""
    name = "links"
    column, dtype = "strength", np.float32

    async def recall(self, query: Query, limit: int) -> Candidates:
        return self.found(self.pages(query), limit)

    def pages(self, query: Query) -> list[int]:
        return list(LINKS.get(query.page, []))

    def found(self, pages: list[int], limit: int) -> Candidates:
        strength = np.linspace(1.0, 0.0, len(pages), dtype=self.dtype)
        return Candidates(np.array(pages, np.uint64)[:limit], {self.column: strength[:limit]})


class NamedWithASpace(Links):
    breaks = "test_has_a_name"
    name = "links to"


class FindsNothing(Links):
    breaks = "test_finds_pages_for_a_known_page"

    def pages(self, query: Query) -> list[int]:
        return []


class AnswersForAnyPage(Links):
    breaks = "test_finds_nothing_for_an_unknown_page"

    def pages(self, query: Query) -> list[int]:
        return list(LINKS.get(query.page, [101]))


class SignedPages(Links):
    breaks = "test_pages_are_uint64"

    def found(self, pages: list[int], limit: int) -> Candidates:
        found = super().found(pages, limit)
        return Candidates(found.pages.astype(np.int64), found.columns)  # type: ignore[arg-type]


class OneTooMany(Links):
    breaks = "test_returns_at_most_limit_pages"

    async def recall(self, query: Query, limit: int) -> Candidates:
        return await super().recall(query, limit + 1)


class RepeatsAPage(Links):
    breaks = "test_returns_no_page_twice"

    def pages(self, query: Query) -> list[int]:
        pages = super().pages(query)
        return [*pages[:1], *pages]


class ReturnsTheReadersPage(Links):
    breaks = "test_never_returns_the_readers_own_page"

    def pages(self, query: Query) -> list[int]:
        return [query.page, *super().pages(query)] if query.page in LINKS else []


class ReturnsAPageOfNoTable(Links):
    breaks = "test_returns_only_servable_pages"

    def pages(self, query: Query) -> list[int]:
        return [*super().pages(query), 999] if query.page in LINKS else []


class WorstFirst(Links):
    breaks = "test_best_pages_come_first"

    async def recall(self, query: Query, limit: int) -> Candidates:
        return (await super().recall(query, limit)).take(slice(None, None, -1))


class DoublePrecision(Links):
    breaks = "test_adds_the_declared_columns"
    dtype = np.float64


class TakesARankColumn(Links):
    breaks = "test_leaves_the_names_of_rank_columns_alone"
    column = "rank_strength"


class ChangesItsMind(Links):
    breaks = "test_same_query_finds_the_same_again"
    calls = 0

    def found(self, pages: list[int], limit: int) -> Candidates:
        self.calls += 1
        found = super().found(pages, limit)
        return found.with_columns({"strength": np.full(len(found), self.calls % 2, np.float32)})


class KeepsTheQueryOnItself(Links):
    breaks = "test_concurrent_queries_do_not_disturb_each_other"

    async def recall(self, query: Query, limit: int) -> Candidates:
        self.query = query
        await asyncio.sleep(0)
        return self.found(self.pages(self.query), limit)


class SwallowsCancellation(Links):
    breaks = "test_stops_when_cancelled"

    async def recall(self, query: Query, limit: int) -> Candidates:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return Candidates.empty()
        return await super().recall(query, limit)


class StaysLockedAfterCancellation(Links):
    breaks = "test_works_after_a_cancelled_query"

    def __init__(self) -> None:
        self.running: set[int] = set()

    async def recall(self, query: Query, limit: int) -> Candidates:
        if query.page in self.running:
            return Candidates.empty()
        self.running.add(query.page)
        await asyncio.sleep(0)
        self.running.remove(query.page)
        return await super().recall(query, limit)


class TestLinks(RecallPathContract):
    @pytest.fixture(params=[Links, *Links.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Links]:
        return request.param

    @pytest.fixture
    def path(self, toy: type[Links]) -> Links:
        return toy()

    @pytest.fixture
    def queries(self) -> list[Query]:
        return [A, B]

    @pytest.fixture
    def columns(self, toy: type[Links]) -> dict[str, type[np.float32]]:
        return {toy.column: np.float32}

    @pytest.fixture
    def servable(self) -> frozenset[int]:
        return frozenset({*range(101, 151), A.page, B.page})
