"""A correct scorer, and one that breaks each rule of the contract."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from contracts.scorer import ScorerContract


class Freshness:
    """Scores new pages higher; a page of unknown age counts as a hundred days old."""

    breaks = ""
    name = "freshness"
    unknown = 100.0

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        return -np.nan_to_num(candidates["age"], nan=self.unknown).astype(np.float32)


class NamedWithASpace(Freshness):
    breaks = "test_has_a_name"
    name = "freshness of pages"


class DoublePrecision(Freshness):
    breaks = "test_gives_one_float32_per_row"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        return super().score(query, candidates).astype(np.float64)  # type: ignore[return-value]


class LosesTheRowsOfAShortList(Freshness):
    breaks = "test_gives_one_float32_per_row"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        return np.squeeze(super().score(query, candidates))  # one row: a number without a shape


class NeedsARow(Freshness):
    breaks = "test_no_candidates_have_no_scores"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        score = super().score(query, candidates)
        return score - score.min()


class ReachesInfinity(Freshness):
    breaks = "test_scores_are_finite"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        score = super().score(query, candidates)
        return np.where(score == -1.0, np.float32("inf"), score)


class PassesNaNOn(Freshness):
    breaks = "test_missing_facts_leave_scores_finite"
    unknown = float("nan")


class ScoresByPlace(Freshness):
    breaks = "test_scores_follow_their_rows"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        return super().score(query, candidates) - np.arange(len(candidates), dtype=np.float32)


class ChangesItsMind(Freshness):
    breaks = "test_same_candidates_have_the_same_scores_again"
    last: Candidates | None = None

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        again, self.last = candidates is self.last, candidates
        return super().score(query, candidates) + np.float32(again)


class WritesIntoAColumn(Freshness):
    breaks = "test_leaves_the_candidates_unchanged"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        candidates["shown"][:] = 0
        return super().score(query, candidates)


class TestFreshness(ScorerContract):
    @pytest.fixture(params=[Freshness, *Freshness.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Freshness]:
        return request.param

    @pytest.fixture
    def scorer(self, toy: type[Freshness]) -> Freshness:
        return toy()

    @pytest.fixture
    def candidates(self) -> Candidates:
        columns = {"age": np.array([5, 1, 9, 3], np.float32), "shown": np.array([4, 3, 2, 1])}
        return Candidates(np.arange(4, dtype=np.uint64), columns)

    @pytest.fixture
    def optional(self) -> tuple[str, ...]:
        return ("age",)
