"""The rules of a filter (`cascade.types.Filter`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.types import Candidates, Filter, Query
from contracts.checks import NO_ROWS, copied, differences, few_examples, query_for, rows


class FilterContract:
    """Override `page_filter` and `candidates`, and `query` where the filter reads the trigger."""

    @pytest.fixture
    def page_filter(self) -> Filter:
        """The filter under test."""
        raise NotImplementedError("override the fixture `page_filter`")

    @pytest.fixture
    def candidates(self) -> Candidates:
        """At least two candidates with every column that the filter reads; best if it drops some and keeps some."""
        raise NotImplementedError("override the fixture `candidates`")

    @pytest.fixture
    def query(self) -> Query:
        """The query of the candidates; with its trigger where the filter reads it."""
        return query_for("https://reader.example/page")

    def test_has_a_name(self, page_filter: Filter) -> None:
        assert page_filter.name.isidentifier()  # `explain` names it as the reason of a drop

    @pytest.mark.parametrize("count", [1, 2, None])
    def test_gives_one_bool_per_row(
        self, page_filter: Filter, query: Query, candidates: Candidates, count: int | None
    ) -> None:
        some = candidates.take(slice(count))
        keep = page_filter.keep(query, some)
        assert keep.dtype == np.bool_
        assert keep.shape == (len(some),)

    def test_no_candidates_have_an_empty_mask(self, page_filter: Filter, query: Query, candidates: Candidates) -> None:
        assert page_filter.keep(query, candidates.take(NO_ROWS)).shape == (0,)

    @few_examples
    @given(data=st.data())
    def test_judges_each_row_alone(
        self, page_filter: Filter, query: Query, candidates: Candidates, data: st.DataObject
    ) -> None:
        some = rows(data.draw(st.lists(st.integers(0, len(candidates) - 1), min_size=1, unique=True)))
        keep = np.asarray(page_filter.keep(query, candidates))
        alone = np.asarray(page_filter.keep(query, candidates.take(some)))
        assert alone.tolist() == keep[some].tolist()

    def test_works_before_the_trigger_is_known(self, page_filter: Filter, query: Query, candidates: Candidates) -> None:
        assert len(page_filter.keep(replace(query, trigger=None), candidates)) == len(candidates)

    def test_leaves_the_candidates_unchanged(self, page_filter: Filter, query: Query, candidates: Candidates) -> None:
        given_to_it = copied(candidates)
        page_filter.keep(query, given_to_it)
        assert differences(given_to_it, candidates) == []
