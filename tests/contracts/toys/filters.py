"""A correct filter, and one that breaks each rule of the contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cascade.types import Candidates, Filter, Query, Trigger
from contracts.checks import query_for
from contracts.filter import FilterContract


class Old:
    """Drops pages older than four days."""

    breaks = ""
    name = "old"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return candidates["age"] <= 4


class NamedWithASpace(Old):
    breaks = "test_has_a_name"
    name = "old page"


class GivesNumbers(Old):
    breaks = "test_gives_one_bool_per_row"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return super().keep(query, candidates).astype(np.int8)  # type: ignore[return-value]


class NeedsARow(Old):
    breaks = "test_no_candidates_have_an_empty_mask"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return super().keep(query, candidates) | (candidates["age"].min() > 100)


class ComparesRows(Old):
    breaks = "test_judges_each_row_alone"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return candidates["age"] <= np.sum(candidates["age"]) / 3


class NeedsTheTrigger(Old):
    breaks = "test_works_before_the_trigger_is_known"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return super().keep(query, candidates) & query.trigger.known  # type: ignore[union-attr]


class WritesIntoAColumn(Old):
    breaks = "test_leaves_the_candidates_unchanged"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        candidates["shown"][:] = 0
        return super().keep(query, candidates)


class TestOld(FilterContract):
    @pytest.fixture(params=[Old, *Old.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Old]:
        return request.param

    @pytest.fixture
    def page_filter(self, toy: type[Old]) -> Filter:
        return toy()

    @pytest.fixture
    def query(self) -> Query:
        trigger = Trigger(True, np.zeros(1, np.dtype([("host", "<u8")]))[0], np.empty(0, np.uint32))
        return replace(query_for("https://reader.example/page"), trigger=trigger)

    @pytest.fixture
    def candidates(self) -> Candidates:
        columns = {"age": np.array([5, 1, 9, 3]), "shown": np.array([4, 3, 2, 1])}
        return Candidates(np.arange(4, dtype=np.uint64), columns)
