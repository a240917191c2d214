"""The rules of a recall path (`cascade.types.RecallPath`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from cascade.executor import RANK
from cascade.types import Query, RecallPath
from contracts.checks import differences, few_examples, query_for

LIMITS = [0, 1, 7, 1000]


@pytest.mark.asyncio
class RecallPathContract:
    """Override `path` and `queries`, and the other fixtures where their defaults do not fit."""

    @pytest.fixture
    def path(self) -> RecallPath:
        """The path under test."""
        raise NotImplementedError("override the fixture `path`")

    @pytest.fixture
    def queries(self) -> Sequence[Query]:
        """At least two queries. The path must find pages for the first."""
        raise NotImplementedError("override the fixture `queries`")

    @pytest.fixture
    def unknown(self) -> Query | None:
        """A query that the path has no data for; None for a path that answers every query."""
        return query_for("https://unknown.example/page")

    @pytest.fixture
    def columns(self) -> Mapping[str, DTypeLike]:
        """The columns that the path adds, and their dtypes."""
        return {}

    @pytest.fixture
    def servable(self) -> frozenset[int] | None:
        """The PageIds that the path may return; None allows all."""
        return None

    async def test_has_a_name(self, path: RecallPath) -> None:
        assert path.name.isidentifier()  # it becomes the name of a setting and of a column

    async def test_finds_pages_for_a_known_page(self, path: RecallPath, queries: Sequence[Query]) -> None:
        assert len(await path.recall(queries[0], 50)) > 0

    async def test_finds_nothing_for_an_unknown_page(self, path: RecallPath, unknown: Query | None) -> None:
        if unknown is not None:
            assert len(await path.recall(unknown, 50)) == 0

    async def test_pages_are_uint64(self, path: RecallPath, queries: Sequence[Query]) -> None:
        for query in queries:
            pages = (await path.recall(query, 50)).pages
            assert pages.dtype == np.uint64
            assert pages.ndim == 1

    @pytest.mark.parametrize("limit", LIMITS)
    async def test_returns_at_most_limit_pages(self, path: RecallPath, queries: Sequence[Query], limit: int) -> None:
        for query in queries:
            assert len(await path.recall(query, limit)) <= limit

    @pytest.mark.parametrize("limit", LIMITS)
    async def test_returns_no_page_twice(self, path: RecallPath, queries: Sequence[Query], limit: int) -> None:
        for query in queries:
            pages = (await path.recall(query, limit)).pages.tolist()
            assert len(pages) == len(set(pages))

    @pytest.mark.parametrize("limit", LIMITS)
    async def test_never_returns_the_readers_own_page(
        self, path: RecallPath, queries: Sequence[Query], limit: int
    ) -> None:
        for query in queries:
            assert query.page not in (await path.recall(query, limit)).pages.tolist()

    async def test_returns_only_servable_pages(
        self, path: RecallPath, queries: Sequence[Query], servable: frozenset[int] | None
    ) -> None:
        if servable is not None:
            for query in queries:
                assert set((await path.recall(query, 1000)).pages.tolist()) <= servable

    @few_examples
    @given(limits=st.lists(st.integers(0, 1000), min_size=2, max_size=2).map(sorted))
    async def test_best_pages_come_first(
        self, path: RecallPath, queries: Sequence[Query], limits: tuple[int, int]
    ) -> None:
        few, many = limits  # a smaller limit leaves out the end of the list
        for query in queries:
            pages = (await path.recall(query, many)).pages.tolist()
            assert (await path.recall(query, few)).pages.tolist()[:few] == pages[:few]

    async def test_adds_the_declared_columns(
        self, path: RecallPath, queries: Sequence[Query], columns: Mapping[str, DTypeLike]
    ) -> None:
        for query in queries:
            candidates = await path.recall(query, 50)
            if len(candidates):
                assert set(candidates.columns) == set(columns)
            for name, column in candidates.columns.items():
                assert len(column) == len(candidates), name
                assert np.issubdtype(column.dtype, columns[name]), name

    async def test_leaves_the_names_of_rank_columns_alone(self, path: RecallPath, queries: Sequence[Query]) -> None:
        for query in queries:
            names = (await path.recall(query, 50)).columns
            assert not [name for name in names if name.startswith(RANK)]  # merging adds them

    async def test_same_query_finds_the_same_again(self, path: RecallPath, queries: Sequence[Query]) -> None:
        for query in queries:
            assert differences(await path.recall(query, 20), await path.recall(query, 20)) == []

    async def test_concurrent_queries_do_not_disturb_each_other(
        self, path: RecallPath, queries: Sequence[Query]
    ) -> None:
        alone = [await path.recall(query, 20) for query in queries]
        together = await asyncio.gather(*(path.recall(query, 20) for query in queries))
        assert [differences(*pair) for pair in zip(alone, together, strict=True)] == [[] for _ in queries]

    async def test_stops_when_cancelled(self, path: RecallPath, queries: Sequence[Query]) -> None:
        for query in queries:
            task = asyncio.ensure_future(path.recall(query, 20))
            await asyncio.sleep(0)
            if task.cancel():  # False where the path never waits
                with pytest.raises(asyncio.CancelledError):  # a timeout relies on it
                    await task

    async def test_works_after_a_cancelled_query(self, path: RecallPath, queries: Sequence[Query]) -> None:
        before = await path.recall(queries[0], 20)
        task = asyncio.ensure_future(path.recall(queries[0], 20))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert differences(await path.recall(queries[0], 20), before) == []
