"""A correct hydrator, and one that breaks each rule of the contract."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from cascade.types import AnytimeHydrator, Candidates, Column, Query
from contracts.hydrator import AnytimeHydratorContract


class Weeks:
    """Adds the age of each page in weeks."""

    breaks = ""
    name = "weeks"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        return candidates.with_columns({"weeks": self.weeks(candidates["age"])})

    def weeks(self, days: Column) -> Column:
        return (days / 7).astype(np.float32)

    def waiting(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return np.ones(len(candidates), np.bool_)


class NamedWithASpace(Weeks):
    breaks = "test_has_a_name"
    name = "age in weeks"


class AddsNothing(Weeks):
    breaks = "test_adds_columns"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        return candidates


class ChangesPages(Weeks):
    breaks = "test_keeps_the_rows"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        hydrated = await super().hydrate(query, candidates)
        return Candidates(hydrated.pages + np.uint64(1), hydrated.columns)


class ReplacesAColumn(Weeks):
    breaks = "test_keeps_the_columns_it_was_given"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        return (await super().hydrate(query, candidates)).with_columns({"age": candidates["age"] + 1})


class NeedsARow(Weeks):
    breaks = "test_no_candidates_stay_none"

    def weeks(self, days: Column) -> Column:
        return super().weeks(days) + (days.min() > 100)


class CountsPlaces(Weeks):
    breaks = "test_columns_follow_their_rows test_chunks_have_the_columns_of_the_whole"

    def weeks(self, days: Column) -> Column:
        return np.arange(len(days), dtype=np.float32)


class WritesIntoTheCandidates(Weeks):
    breaks = "test_leaves_the_candidates_unchanged"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        hydrated = await super().hydrate(query, candidates)
        candidates.columns["weeks"] = hydrated["weeks"]  # type: ignore[index]
        return candidates


class SwallowsCancellation(Weeks):
    breaks = "test_stops_when_cancelled"

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return candidates
        return await super().hydrate(query, candidates)


class WaitsInNumbers(Weeks):
    breaks = "test_says_for_each_row_whether_it_costs_time"

    def waiting(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return np.ones(len(candidates), np.int8)  # type: ignore[return-value]


class ScalesEachChunk(Weeks):
    breaks = "test_chunks_have_the_columns_of_the_whole"

    def weeks(self, days: Column) -> Column:
        return (days / max(days.max(initial=1), 1)).astype(np.float32)


class TestWeeks(AnytimeHydratorContract):
    @pytest.fixture(params=[Weeks, *Weeks.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Weeks]:
        return request.param

    @pytest.fixture
    def hydrator(self, toy: type[Weeks]) -> AnytimeHydrator:
        return toy()

    @pytest.fixture
    def candidates(self) -> Candidates:
        return Candidates(np.arange(4, dtype=np.uint64), {"age": np.array([5.0, 1.0, 9.0, 3.0])})
