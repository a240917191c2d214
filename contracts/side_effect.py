"""The rules of a side effect (`service.answers.side_effects`)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from cascade.trace import Trace
from cascade.types import Query
from contracts.checks import query_for
from service.answers.answer import Answer, RecalledBy, Recommendation
from service.answers.ranked_list import RankedList
from service.answers.request import Request
from service.answers.side_effects import SideEffect

_URL1 = "https://reader.example/page"
_SHOWN = Recommendation("https://reader.example/next", "Next", "", 1.0, 0.5, 3.0, (RecalledBy("links", 1),))


class SideEffectContract:
    """Override `effect`; `query`, `ranked` and `answer` where it reads more than these hold."""

    @pytest.fixture
    def effect(self) -> SideEffect:
        """The side effect under test."""
        raise NotImplementedError("override the fixture `effect`")

    @pytest.fixture
    def query(self) -> Query:
        """A query that the effect is enabled for."""
        return query_for(_URL1)

    @pytest.fixture
    def ranked(self, query: Query) -> RankedList:
        """What ranking found for the query."""
        return RankedList(query.url, "20250101T000000Z-0123abcd", np.zeros(3, [("page", "<u8"), ("score", "<f4")]))

    @pytest.fixture
    def answer(self, query: Query) -> Answer:
        """The answer to the query."""
        return Answer.of(query.url, (_SHOWN,), ("unknown_page",), "20250101T000000Z-0123abcd")

    @pytest.fixture
    def moments(
        self, effect: SideEffect, query: Query, ranked: RankedList, answer: Answer
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """The methods of the effect, each with what it is called with."""
        trace = Trace(degraded=["unknown_page"], ms={"merge": 0.1})
        given = {"after_computation": (query, ranked, trace), "after_answer": (query, answer, Request(query.url))}
        return [(getattr(effect, name), values) for name, values in given.items() if hasattr(effect, name)]

    def test_has_a_name(self, effect: SideEffect) -> None:
        assert effect.name.isidentifier()  # the log and the metrics name it

    def test_follows_a_computation_or_an_answer(self, moments: list[Any]) -> None:
        assert moments

    @pytest.mark.asyncio
    async def test_says_whether_it_is_enabled(self, effect: SideEffect, query: Query) -> None:
        assert effect.enabled(query) is True

    @pytest.mark.asyncio
    async def test_returns_nothing_to_wait_for(self, moments: list[Any]) -> None:
        assert [run(*values) for run, values in moments] == [None] * len(moments)

    @pytest.mark.asyncio
    async def test_may_run_again(self, moments: list[Any]) -> None:
        for run, values in moments * 2:
            run(*values)

    @pytest.mark.asyncio
    async def test_leaves_what_it_gets_unchanged(self, moments: list[Any]) -> None:
        for run, values in moments:
            before = deepcopy(values)
            run(*values)
            assert list(map(_state, values)) == list(map(_state, before))


def _state(value: Any) -> Any:
    """Return what can be compared of a query, a list, a trace, an answer or a request."""
    if isinstance(value, RankedList):
        return value.url1, value.rows.tobytes(), value.degraded, list(value.answers)
    return value
