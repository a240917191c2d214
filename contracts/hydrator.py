"""The rules of a hydrator (`cascade.types.Hydrator`), and of one that the executor runs in chunks."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.types import AnytimeHydrator, Candidates, Hydrator, Query
from contracts.checks import NO_ROWS, copied, differences, few_examples, query_for, rows, same

_TOLERANCE = 1e-4  # a model's sums depend on how rows are batched


@pytest.mark.asyncio
class HydratorContract:
    """Override `hydrator` and `candidates`, and `query` where the hydrator reads the trigger."""

    @pytest.fixture
    def hydrator(self) -> Hydrator:
        """The hydrator under test."""
        raise NotImplementedError("override the fixture `hydrator`")

    @pytest.fixture
    def candidates(self) -> Candidates:
        """At least two candidates as the hydrator gets them, without the columns that it adds."""
        raise NotImplementedError("override the fixture `candidates`")

    @pytest.fixture
    def query(self) -> Query:
        """The query of the candidates; with its trigger where the hydrator reads it."""
        return query_for("https://reader.example/page")

    async def test_has_a_name(self, hydrator: Hydrator) -> None:
        assert hydrator.name.isidentifier()

    async def test_adds_columns(self, hydrator: Hydrator, query: Query, candidates: Candidates) -> None:
        hydrated = await hydrator.hydrate(query, copied(candidates))
        assert set(hydrated.columns) - set(candidates.columns)

    async def test_keeps_the_rows(self, hydrator: Hydrator, query: Query, candidates: Candidates) -> None:
        hydrated = await hydrator.hydrate(query, candidates)
        assert hydrated.pages.tolist() == candidates.pages.tolist()

    async def test_keeps_the_columns_it_was_given(
        self, hydrator: Hydrator, query: Query, candidates: Candidates
    ) -> None:
        hydrated = await hydrator.hydrate(query, copied(candidates))
        assert [name for name in candidates.columns if name not in hydrated.columns] == []
        assert [name for name in candidates.columns if not same(hydrated[name], candidates[name])] == []

    async def test_no_candidates_stay_none(self, hydrator: Hydrator, query: Query, candidates: Candidates) -> None:
        assert len(await hydrator.hydrate(query, candidates.take(NO_ROWS))) == 0

    @few_examples
    @given(data=st.data())
    async def test_columns_follow_their_rows(
        self, hydrator: Hydrator, query: Query, candidates: Candidates, data: st.DataObject
    ) -> None:
        order = rows(data.draw(st.permutations(range(len(candidates)))))
        expected = (await hydrator.hydrate(query, candidates)).take(order)
        reordered = await hydrator.hydrate(query, candidates.take(order))
        added = set(expected.columns) - set(candidates.columns)
        assert [name for name in added if not same(reordered[name], expected[name], _TOLERANCE)] == []

    async def test_leaves_the_candidates_unchanged(
        self, hydrator: Hydrator, query: Query, candidates: Candidates
    ) -> None:
        given_to_it = copied(candidates)
        columns = given_to_it.columns
        await hydrator.hydrate(query, given_to_it)
        assert set(columns) == set(candidates.columns)
        assert differences(given_to_it, candidates) == []

    async def test_stops_when_cancelled(self, hydrator: Hydrator, query: Query, candidates: Candidates) -> None:
        task = asyncio.ensure_future(hydrator.hydrate(query, candidates))
        await asyncio.sleep(0)
        if task.cancel():  # False where the hydrator never waits
            with pytest.raises(asyncio.CancelledError):  # a timeout relies on it
                await task


class AnytimeHydratorContract(HydratorContract):
    """Also for a hydrator that the executor runs on a few rows at a time (`cascade.types.AnytimeHydrator`)."""

    @pytest.fixture
    def tolerance(self) -> float:
        """How far a float may move when its row is computed among other rows."""
        return _TOLERANCE

    async def test_says_for_each_row_whether_it_costs_time(
        self, hydrator: AnytimeHydrator, query: Query, candidates: Candidates
    ) -> None:
        for some in (candidates, candidates.take(NO_ROWS)):
            waiting = hydrator.waiting(query, some)
            assert waiting.dtype == np.bool_
            assert waiting.shape == (len(some),)

    async def test_chunks_have_the_columns_of_the_whole(
        self, hydrator: AnytimeHydrator, query: Query, candidates: Candidates, tolerance: float
    ) -> None:
        whole = await hydrator.hydrate(query, candidates)
        half = len(candidates) // 2
        chunks = [candidates.take(slice(half)), candidates.take(slice(half, None))]
        joined = Candidates.joined([await hydrator.hydrate(query, chunk) for chunk in chunks])
        added = set(whole.columns) - set(candidates.columns)
        assert [name for name in added if not same(joined[name], whole[name], tolerance)] == []
