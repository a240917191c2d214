"""The executor with hand-written parts: what it recalls, orders, drops and records."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cascade.bulkhead import Busy
from cascade.deadline import Deadline
from cascade.executor import Cascade, RecallStep
from cascade.stages import Stage
from cascade.trace import Trace
from cascade.types import Candidates, Query
from recall.merge import merge
from tests.cascade.parts import QUERY, SOON, ByPage, Even, Facts, Lookup, Path, answer, best, small_cascade, with_path


@pytest.fixture
def cascade(native: ThreadPoolExecutor) -> Cascade:
    return small_cascade(native)


async def test_each_stage_orders_what_the_one_before_kept(cascade: Cascade) -> None:
    pages, trace = await answer(cascade, k=2)
    assert pages == [4, 6]  # `first` keeps 6 and 4, `second` reverses them
    assert trace.degraded == []


async def test_fewer_pages_than_requested_are_flagged(cascade: Cascade) -> None:
    pages, trace = await answer(cascade, k=3)
    assert (pages, trace.degraded) == ([4, 6], ["short"])


async def test_where_filters_eat_the_candidates_recall_goes_deeper(cascade: Cascade) -> None:
    path = Path("b", [*range(1, 20, 2), *range(6, 40, 2)])  # the filter drops the first ten
    deep = replace(cascade, recall=[RecallStep(path, 10, SOON)], stages=[])
    pages, trace = await answer(deep, k=5)
    assert pages == [6, 8, 10, 12, 14]
    assert (path.limits, trace.degraded) == ([10, 80], [])


async def test_what_was_found_stays_where_the_pages_of_deeper_recall_cannot_be_read(cascade: Cascade) -> None:
    class Once(Facts):
        async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
            known = await super().hydrate(query, candidates)
            self.error = RuntimeError("gone")
            return known

    path = Path("b", [*range(2, 100, 2)])
    deep = replace(cascade, recall=[RecallStep(path, 10, SOON)], stages=[], hydrate=Once())
    pages, _ = await answer(deep, k=5)
    assert (pages, path.limits) == ([2, 4, 6, 8, 10], [10, 80])


async def test_recall_does_not_go_deeper_where_a_path_has_no_more(cascade: Cascade) -> None:
    path = Path("b", [1, 3, 6])
    await answer(replace(cascade, recall=[RecallStep(path, 10, SOON)]))
    assert path.limits == [10]


async def test_copies_do_not_count_as_enough(cascade: Cascade) -> None:
    def two(candidates: Candidates, order: np.ndarray, most: int) -> np.ndarray:
        return order[:2]

    path = Path("b", [*range(2, 100, 2)])
    stages = [Stage((), ByPage("first"), 30, 1.0, distinct=two)]
    await answer(replace(cascade, recall=[RecallStep(path, 40, SOON)], stages=stages))
    assert path.limits == [40, 320]


async def test_the_score_is_that_of_the_last_stage(cascade: Cascade) -> None:
    chosen = await cascade.run(QUERY, 5, Deadline(math.inf), Trace())
    assert chosen["score"].tolist() == chosen["second"].tolist() == [-4.0, -6.0]
    assert chosen["first"].tolist() == [4.0, 6.0]


async def test_a_path_is_asked_for_its_limit(cascade: Cascade) -> None:
    path = Path("b", [4, 6])
    await answer(with_path(cascade, path))
    assert path.limits == [10]


@dataclass
class Weighted:
    """Ranks high PageIds first, or low ones if the query's weight is above 0.5."""

    name: str = "blend"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        sign = -1.0 if (query.quality_weight or 0.0) > 0.5 else 1.0
        return (sign * candidates.pages.astype(np.float64)).astype(np.float32)


async def test_choosing_from_a_ranked_list_equals_a_full_run_for_every_weight_and_exclusion(cascade: Cascade) -> None:
    cascade = replace(cascade, stages=[Stage((), ByPage("first"), 9, 1.0), Stage((), Weighted(), 9, 1.0, on_loop=True)])
    ranked = await cascade.ranked(QUERY, Deadline(math.inf), Trace())
    for weight in (None, 0.0, 0.9):
        for exclude in (frozenset[int](), frozenset([4]), frozenset([2, 4, 6])):
            query = replace(QUERY, quality_weight=weight, exclude=exclude)
            chosen = cascade.choose(query, ranked, 2, Trace())
            expected = await cascade.run(query, 2, Deadline(math.inf), Trace())
            assert chosen.pages.tolist() == expected.pages.tolist()
            assert chosen["score"].tolist() == expected["score"].tolist()


@pytest.mark.parametrize(("keep", "cut"), [(2, True), (9, False)])
async def test_the_trace_records_whether_stages_dropped_rows(cascade: Cascade, keep: int, cut: bool) -> None:
    trace = Trace()
    await replace(cascade, stages=[Stage((), ByPage("first"), keep, 1.0)]).ranked(QUERY, Deadline(math.inf), trace)
    assert trace.cut is cut


async def test_a_part_without_a_free_thread_is_left_out_immediately(cascade: Cascade) -> None:
    _, trace = await answer(with_path(cascade, Path("b", error=Busy("b has no free thread"))))
    assert trace.degraded == ["recall:b:busy"]


async def test_explain_records_drops_stages_and_times(cascade: Cascade) -> None:
    _, trace = await answer(with_path(cascade, Path("b", [6, 7, 500])), explain=True)
    assert trace.dropped == {500: "unknown page", 7: "even"}
    assert [*trace.stages] == ["merge", "first", "second"]
    assert trace.stages["first"].pages.tolist() == [6, 4]
    assert trace.recalled["b"].pages.tolist() == [6, 7, 500]
    assert {"trigger", "recall", "recall:a", "recall:b", "merge", "hydrate", "filter", "first", "select"} <= {*trace.ms}


async def test_without_explain_no_stage_is_recorded(cascade: Cascade) -> None:
    _, trace = await answer(cascade)
    assert trace.stages == {}
    assert trace.dropped == {}


async def test_a_cancelled_request_does_not_count_as_a_failed_part(cascade: Cascade) -> None:
    patient = replace(cascade, recall=[RecallStep(Path("b", hangs=True), 10, math.inf)])
    task = asyncio.create_task(patient.run(QUERY, 5, Deadline(math.inf), Trace()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_unknown_page_with_few_candidates_is_filled_up_with_popular_pages(cascade: Cascade) -> None:
    unknown = replace(cascade, trigger=Lookup(known=False))
    chosen = await unknown.run(QUERY, 5, Deadline(math.inf), trace := Trace())
    assert chosen.pages.tolist() == [4, 6, 8, 10]
    assert trace.degraded == ["unknown_page", "fallback:popular"]
    assert np.all(np.diff(chosen["score"]) < 0)
    pages, trace = await answer(unknown, k=2)
    assert (pages, trace.degraded) == ([4, 6], ["unknown_page"])


def test_a_list_ranked_earlier_is_filtered_and_ordered_as_of_now(native: ThreadPoolExecutor) -> None:
    last = Stage((), ByPage("blend"), 30, 1.0, on_loop=True)
    now = Cascade(
        trigger=Lookup(), recall=[], fallback=RecallStep(Path("popular"), 9, 1.0), merge=merge, hydrate=Facts(),
        filters=[Even()], stages=[Stage((), ByPage("stage2"), 30, 1.0), last], select=best, native=native,
    )  # fmt: skip
    trace = Trace(explain=True)
    listed = now.relisted(QUERY, Candidates(np.array([4, 8, 3, 6], np.uint64)), trace)
    assert listed.pages.tolist() == [8, 6, 4]
    assert listed["score"].tolist() == listed["blend"].tolist() == [8, 6, 4]
    assert trace.dropped == {3: "even"}
