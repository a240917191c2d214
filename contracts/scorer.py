"""The rules of a scorer (`cascade.types.Scorer`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.types import Candidates, Query, Scorer
from contracts.checks import NO_ROWS, copied, differences, few_examples, query_for, rows, same

_TOLERANCE = 1e-5  # sums of floats depend on their order


class ScorerContract:
    """Override `scorer` and `candidates`, and the other fixtures where their defaults do not fit."""

    @pytest.fixture
    def scorer(self) -> Scorer:
        """The scorer under test."""
        raise NotImplementedError("override the fixture `scorer`")

    @pytest.fixture
    def candidates(self) -> Candidates:
        """At least two candidates with different scores, and every column that the scorer reads."""
        raise NotImplementedError("override the fixture `candidates`")

    @pytest.fixture
    def query(self) -> Query:
        """The query of the candidates; with its trigger where the scorer reads it."""
        return query_for("https://reader.example/page")

    @pytest.fixture
    def optional(self) -> Sequence[str]:
        """The float columns that may be NaN, because a fact is missing or a part of the cascade failed."""
        return ()

    def test_has_a_name(self, scorer: Scorer) -> None:
        assert scorer.name.isidentifier()  # later scorers read the score as a column of this name

    @pytest.mark.parametrize("count", [1, 2, None])
    def test_gives_one_float32_per_row(
        self, scorer: Scorer, query: Query, candidates: Candidates, count: int | None
    ) -> None:
        some = candidates.take(slice(count))
        scores = scorer.score(query, some)
        assert scores.dtype == np.float32
        assert scores.shape == (len(some),)

    def test_no_candidates_have_no_scores(self, scorer: Scorer, query: Query, candidates: Candidates) -> None:
        assert scorer.score(query, candidates.take(NO_ROWS)).shape == (0,)

    def test_scores_are_finite(self, scorer: Scorer, query: Query, candidates: Candidates) -> None:
        assert np.isfinite(scorer.score(query, candidates)).all()

    @few_examples
    @given(data=st.data())
    def test_missing_facts_leave_scores_finite(
        self, scorer: Scorer, query: Query, candidates: Candidates, optional: Sequence[str], data: st.DataObject
    ) -> None:
        missing = np.array(data.draw(st.lists(st.booleans(), min_size=len(candidates), max_size=len(candidates))))
        holes = {name: np.where(missing, np.float32("nan"), candidates[name]) for name in optional}
        finite = np.isfinite(scorer.score(query, candidates))
        assert np.isfinite(scorer.score(query, candidates.with_columns(holes)))[finite].all()

    @few_examples
    @given(data=st.data())
    def test_scores_follow_their_rows(
        self, scorer: Scorer, query: Query, candidates: Candidates, data: st.DataObject
    ) -> None:
        order = rows(data.draw(st.permutations(range(len(candidates)))))
        reordered = scorer.score(query, candidates.take(order))
        assert same(reordered, scorer.score(query, candidates)[order], _TOLERANCE)

    def test_same_candidates_have_the_same_scores_again(
        self, scorer: Scorer, query: Query, candidates: Candidates
    ) -> None:
        first = scorer.score(query, candidates).copy()
        assert same(scorer.score(query, candidates), first)

    def test_leaves_the_candidates_unchanged(self, scorer: Scorer, query: Query, candidates: Candidates) -> None:
        given_to_it = copied(candidates)
        scorer.score(query, given_to_it)
        assert differences(given_to_it, candidates) == []
