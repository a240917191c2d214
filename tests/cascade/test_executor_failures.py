"""The executor where parts fail or are late: flags, and the answers that remain."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cascade.deadline import Deadline
from cascade.executor import Cascade, RecallStep
from cascade.stages import Stage
from cascade.trace import Trace
from cascade.types import Candidates, Query
from tests.cascade.parts import QUERY, SOON, ByPage, Facts, Lookup, Path, answer, small_cascade, with_path


@pytest.fixture
def cascade(native: ThreadPoolExecutor) -> Cascade:
    return small_cascade(native)


async def test_a_path_that_fails_is_flagged_and_the_others_answer(cascade: Cascade) -> None:
    pages, trace = await answer(with_path(cascade, Path("b", error=RuntimeError("no table"))))
    assert pages == [2, 4]
    assert trace.degraded == ["recall:b:error"]


async def test_a_path_that_hangs_is_abandoned_at_its_timeout(cascade: Cascade) -> None:
    start = time.monotonic()
    pages, trace = await answer(with_path(cascade, Path("b", hangs=True)))
    assert pages == [2, 4]
    assert trace.degraded == ["recall:b:timeout"]
    assert SOON <= time.monotonic() - start < 50 * SOON


async def test_the_deadline_ends_a_path_with_a_longer_timeout(cascade: Cascade) -> None:
    patient = replace(cascade, recall=[cascade.recall[0], RecallStep(Path("b", hangs=True), 10, math.inf)])
    trace = Trace()
    chosen = await patient.run(QUERY, 5, Deadline.after(SOON), trace)
    assert "recall:b:timeout" in trace.degraded
    assert chosen.pages.tolist()  # what arrived in time is still the answer


async def test_when_every_path_fails_the_answer_is_popular_pages(cascade: Cascade) -> None:
    broken = replace(cascade, recall=[RecallStep(Path("a", error=OSError("gone")), 10, SOON)])
    pages, trace = await answer(broken)
    assert pages == [8, 10]
    assert trace.degraded == ["recall:a:error", "fallback:popular"]


async def test_when_the_filters_drop_everything_the_answer_is_popular_pages(cascade: Cascade) -> None:
    pages, trace = await answer(replace(cascade, recall=[RecallStep(Path("a", [3, 5]), 10, SOON)]))
    assert pages == [8, 10]
    assert trace.degraded == ["fallback:popular"]


async def test_an_empty_answer_is_flagged(cascade: Cascade) -> None:
    nothing = RecallStep(Path("popular"), 10, SOON)
    pages, trace = await answer(replace(cascade, recall=[], fallback=nothing))
    assert pages == []
    assert trace.degraded == ["fallback:popular", "empty"]


async def test_a_failing_first_stage_leaves_the_order_of_the_merge(cascade: Cascade) -> None:
    stages = [Stage((), ByPage("first", error=ValueError("model")), 2, 1.0), cascade.stages[1]]
    pages, trace = await answer(replace(cascade, stages=stages))
    assert pages == [2, 4, 6]
    assert trace.degraded == ["first:error", "fallback:recall"]


async def test_a_failing_later_stage_leaves_the_order_so_far(cascade: Cascade) -> None:
    stages = [cascade.stages[0], Stage((), ByPage("second", error=ValueError("model")), 2, 1.0)]
    pages, trace = await answer(replace(cascade, stages=stages))
    assert pages == [6, 4]
    assert trace.degraded == ["second:error", "fallback:first"]


async def test_a_slow_model_is_abandoned_at_its_timeout(cascade: Cascade) -> None:
    stages = [cascade.stages[0], Stage((), ByPage("second", seconds=10 * SOON), 2, SOON)]
    pages, trace = await answer(replace(cascade, stages=stages))
    assert pages == [6, 4]
    assert trace.degraded == ["second:timeout", "fallback:first"]


async def test_a_scorer_with_too_few_scores_is_a_failed_stage(cascade: Cascade) -> None:
    class Short:
        name = "short"

        def score(self, query: Query, candidates: Candidates) -> np.ndarray:
            return np.zeros(1, np.float32)

    pages, trace = await answer(replace(cascade, stages=[Stage((), Short(), 2, 1.0)]))
    assert pages == [2, 4, 6]
    assert trace.degraded == ["short:error", "fallback:recall"]


async def test_an_unknown_page_is_flagged_and_answered(cascade: Cascade) -> None:
    pages, trace = await answer(replace(cascade, trigger=Lookup(known=False)), k=2)
    assert pages == [4, 6]
    assert trace.degraded == ["unknown_page"]


async def test_without_the_page_s_own_facts_the_answer_is_still_ranked(cascade: Cascade) -> None:
    pages, trace = await answer(replace(cascade, trigger=Lookup(error=ConnectionError("refused"))))
    assert pages == [4, 6]
    assert trace.degraded == ["trigger:error"]


async def test_without_the_pages_table_the_answer_is_empty_and_flagged(cascade: Cascade) -> None:
    pages, trace = await answer(replace(cascade, hydrate=Facts(error=ConnectionError("refused"))))
    assert pages == []
    assert trace.degraded == ["pages:error", "fallback:popular", "empty"]


async def test_when_no_stage_ranks_the_stored_list_comes_first_in_its_order(cascade: Cascade) -> None:
    stages = [Stage((), ByPage("first", error=ValueError("model")), 2, 1.0)]
    recall = [cascade.recall[0], RecallStep(Path("qprime", [8, 6]), 10, SOON)]
    trace = Trace()
    chosen = await replace(cascade, stages=stages, recall=recall, stored="qprime").run(
        QUERY, 5, Deadline(math.inf), trace
    )
    assert chosen.pages.tolist() == [8, 6, 2, 4]
    assert (np.diff(chosen["score"]) < 0).all()
    assert trace.degraded == ["first:error", "fallback:qprime"]
