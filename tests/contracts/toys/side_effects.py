"""A correct side effect, and one that breaks each rule of the contract."""

from __future__ import annotations

from collections import Counter

import pytest

from cascade.trace import Trace
from cascade.types import Query
from contracts.side_effect import SideEffectContract
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList
from service.answers.request import Request


class CountsPages:
    """Counts how often each page was computed and answered."""

    breaks = ""
    name = "pages"

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def enabled(self, query: Query) -> bool:
        return True

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        self.counts[query.url] += 1

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        self.counts[query.url] += 1


class NamedWithASpace(CountsPages):
    breaks = "test_has_a_name"
    name = "counted pages"


class NeverRuns:
    breaks = "test_follows_a_computation_or_an_answer"
    name = "idle"

    def enabled(self, query: Query) -> bool:
        return True


class AnswersWithAQuery(CountsPages):
    breaks = "test_says_whether_it_is_enabled"

    def enabled(self, query: Query) -> bool:
        return query.url  # type: ignore[return-value]


class ReturnsItself(CountsPages):
    breaks = "test_returns_nothing_to_wait_for"

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        return super().after_answer(query, answer, request) or self  # type: ignore[return-value]


class RunsOnce(CountsPages):
    breaks = "test_may_run_again"

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        super().after_answer(query, answer, request)
        if self.counts[query.url] > 2:
            raise ValueError("the page was counted before")


class EmptiesTheTrace(CountsPages):
    breaks = "test_leaves_what_it_gets_unchanged"

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        trace.degraded.clear()


TOYS = (CountsPages, NamedWithASpace, NeverRuns, AnswersWithAQuery, ReturnsItself, RunsOnce, EmptiesTheTrace)


@pytest.mark.parametrize("toy", TOYS)
class TestSideEffect(SideEffectContract):
    @pytest.fixture
    def effect(self, toy: type[CountsPages]) -> CountsPages:
        return toy()
