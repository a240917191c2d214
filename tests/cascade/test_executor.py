"""The executor with hand-written parts: failures, timeouts, and the answers that remain."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from cascade.bulkhead import Busy
from cascade.deadline import Deadline
from cascade.executor import Cascade, RecallStep
from cascade.stages import Stage
from cascade.trace import Trace
from cascade.types import Candidates, Query, Trigger
from recall.merge import merge
from store.page_row import FACTS

QUERY = Query("https://a.example/1", page=1)
SOON = 0.05  # seconds


@dataclass
class Path:
    """Recalls a fixed list; can fail or hang."""

    name: str
    pages: Sequence[int] = ()
    error: Exception | None = None
    hangs: bool = False
    limits: list[int] = field(default_factory=list)

    async def recall(self, query: Query, limit: int) -> Candidates:
        self.limits.append(limit)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Candidates(np.array(self.pages[:limit], np.uint64))


@dataclass
class Lookup:
    known: bool = True
    error: Exception | None = None

    async def locate(self, query: Query) -> Trigger:
        if self.error is not None:
            raise self.error
        return Trigger(self.known, np.zeros(1, FACTS)[0], np.empty(0, np.uint32))

    def unknown(self, query: Query) -> Trigger:
        return Trigger(False, np.zeros(1, FACTS)[0], np.empty(0, np.uint32))


@dataclass
class Facts:
    """Knows pages below 100."""

    name: str = "page_facts"
    error: Exception | None = None

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        if self.error is not None:
            raise self.error
        return candidates.take(candidates.pages < 100)


@dataclass
class Even:
    name: str = "even"

    def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
        return candidates.pages % 2 == 0


@dataclass
class ByPage:
    """Prefers high PageIds, or low ones; can fail or block its thread."""

    name: str
    sign: float = 1.0
    error: Exception | None = None
    seconds: float = 0.0

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return (self.sign * candidates.pages.astype(np.float64)).astype(np.float32)


def best(query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates:
    return ranked.take(np.arange(min(k, len(ranked))))


@pytest.fixture
def native() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def cascade(native: ThreadPoolExecutor) -> Cascade:
    return Cascade(
        trigger=Lookup(),
        recall=[RecallStep(Path("a", [2, 4]), 10, SOON), RecallStep(Path("b", [4, 6, 7]), 10, SOON)],
        fallback=RecallStep(Path("popular", [8, 10]), 10, SOON),
        merge=merge,
        hydrate=Facts(),
        filters=[Even()],
        stages=[Stage((), ByPage("first"), 2, 1.0), Stage((), ByPage("second", -1.0), 2, 1.0)],
        select=best,
        native=native,
    )


async def answer(cascade: Cascade, k: int = 5, explain: bool = False) -> tuple[list[int], Trace]:
    trace = Trace(explain)
    chosen = await cascade.run(QUERY, k, Deadline(math.inf), trace)
    return chosen.pages.tolist(), trace


def with_path(cascade: Cascade, path: Path) -> Cascade:
    return replace(cascade, recall=[cascade.recall[0], RecallStep(path, 10, SOON)])


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
