"""The anytime hydrator: runs in chunks, best rows first, while the next chunk fits into the time."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from cascade.bulkhead import Busy
from cascade.deadline import Deadline
from cascade.stages import Ranking, Stage, _at_once
from cascade.trace import Trace
from cascade.types import Candidates, Query

QUERY = Query("https://a.example/1", page=1)


@dataclass
class Costly:
    """Adds the column `price`; can know some rows already, and hang or fail at a chunk."""

    name: str = "costly"
    known: tuple[int, ...] = ()
    hangs_at: int = -1
    fails_at: int = -1
    error: Exception | None = None  # of every chunk
    chunks: list[list[int]] = field(default_factory=list)

    def waiting(self, query: Query, candidates: Candidates) -> np.ndarray:
        return ~np.isin(candidates.pages, np.array(self.known, np.uint64))

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        self.chunks.append(candidates.pages.tolist())
        if len(self.chunks) - 1 == self.hangs_at:
            await asyncio.Event().wait()
        if len(self.chunks) - 1 == self.fails_at:
            raise ValueError("model")
        if self.error is not None:
            raise self.error
        return candidates.with_columns({"price": candidates.pages.astype(np.float32)})


class ByPrice:
    name = "by_price"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        return candidates["price"]


class ByScore:
    name = "by_score"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        return candidates["score"]


class ThreadRecorder:
    """Records the thread that it scored on."""

    name = "thread_recorder"
    thread = 0

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        self.thread = threading.get_ident()
        return candidates["score"]


class Failing:
    name = "failing"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        raise ValueError("model")


class Backwards:
    name = "backwards"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        return -candidates["price"]


@pytest.fixture
def native() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def candidates(count: int) -> Candidates:
    return Candidates(np.arange(count, dtype=np.uint64), {"score": np.zeros(count, np.float32)})


async def run(
    native: ThreadPoolExecutor, stages: list[Stage], count: int, deadline: Deadline | None = None
) -> tuple[Candidates, int, list[str]]:
    trace = Trace()
    ranking = Ranking(native, QUERY, deadline or Deadline(math.inf), trace)
    ranked, number = await ranking.run(stages, candidates(count))
    ranking.ended()
    return ranked, number, trace.degraded


async def test_all_rows_are_scored_when_there_is_time(native) -> None:
    costly = Costly()
    ranked, number, degraded = await run(native, [Stage((), ByPrice(), 30, 5.0, costly)], 25)
    assert [page for chunk in costly.chunks for page in chunk] == list(range(25))
    assert ranked.pages.tolist() == list(range(24, -1, -1))
    assert (number, degraded) == (1, [])


@pytest.mark.parametrize("on_loop", [True, False])
async def test_a_scorer_runs_on_the_event_loop_only_if_the_stage_says_so(native, on_loop) -> None:
    scorer = ThreadRecorder()
    await run(native, [Stage((), scorer, 30, 5.0, on_loop=on_loop)], 5)
    assert (scorer.thread == threading.get_ident()) == on_loop


@pytest.mark.parametrize(
    ("row_s", "left_s", "rows"),
    [(0.0, 10.0, 10), (0.001, 10.0, 60), (0.001, math.inf, 60), (0.1, 10.0, 50), (0.4, 10.0, 12), (2.0, 10.0, 10)],
)
def test_a_chunk_takes_at_most_half_of_the_remaining_time_but_has_at_least_ten_rows(
    row_s: float, left_s: float, rows: int
) -> None:
    assert _at_once(row_s, left_s, 60) == rows


async def test_a_stage_with_a_time_estimate_scores_all_rows_in_one_call(native) -> None:
    costly = Costly()
    stage = Stage((), ByPrice(), 30, 5.0, costly)
    stage.row.observe(0.001)
    await run(native, [stage], 25, Deadline.after(5.0))
    assert costly.chunks == [list(range(25))]


async def test_rows_that_were_not_reached_keep_their_order_below_the_scored_ones(native) -> None:
    stages = [Stage((), ByPrice(), 30, 0.05, Costly(hangs_at=1)), Stage((), Backwards(), 30, 5.0)]
    ranked, number, degraded = await run(native, stages, 25)
    assert ranked.pages.tolist() == list(range(25))
    assert np.isnan(ranked["price"][10:]).all() and not np.isnan(ranked["price"][:10]).any()
    assert (number, degraded) == (2, ["costly:timeout", "costly:partial"])
    assert (np.diff(ranked["score"]) <= 0).all()
    assert ranked["score"][10] < ranked["score"][9]


async def test_a_chunk_that_fails_keeps_the_chunks_before_it(native) -> None:
    ranked, number, degraded = await run(native, [Stage((), ByPrice(), 30, 5.0, Costly(fails_at=1))], 25)
    assert ranked.pages.tolist() == [*range(9, -1, -1), *range(10, 25)]
    assert (number, degraded) == (1, ["costly:error", "costly:partial"])


async def test_without_a_single_chunk_the_stage_ranks_nothing(native) -> None:
    ranked, number, degraded = await run(native, [Stage((), ByPrice(), 30, 0.05, Costly(hangs_at=0))], 25)
    assert ranked.pages.tolist() == list(range(25))
    assert (number, degraded) == (0, ["costly:timeout", "costly:partial"])


async def test_a_chunk_that_would_not_fit_is_not_started(native) -> None:
    costly = Costly()
    stage = Stage((), ByPrice(), 30, 5.0, costly)
    stage.row.observe(1.0)
    _, number, degraded = await run(native, [stage], 25, Deadline.after(1.0))
    assert costly.chunks == []
    assert (number, degraded) == (0, ["costly:partial"])


async def test_work_that_becomes_fast_again_is_eventually_retried(native) -> None:
    costly = Costly()
    stage = Stage((), ByPrice(), 30, 5.0, costly)
    stage.row.observe(1.0)
    for _ in range(60):
        await run(native, [stage], 10, Deadline.after(1.0))
    assert len(costly.chunks) > 10


@pytest.mark.parametrize("error", [Busy("no thread"), ValueError("model")])
async def test_only_finished_work_changes_the_time_estimate(native, error) -> None:
    costly = Costly()
    stage = Stage((), ByPrice(), 30, 5.0, costly)
    stage.row.observe(0.1)
    stage.rest.observe(0.1)
    before = stage.row.expected(), stage.rest.expected()
    costly.error = error
    for _ in range(25):
        await run(native, [stage], 25, Deadline.after(10.0))
    assert (stage.row.expected(), stage.rest.expected()) == before


async def test_an_abandoned_chunk_can_only_raise_the_time_estimate(native) -> None:
    stage = Stage((), ByPrice(), 30, 0.05, Costly(hangs_at=0))
    stage.row.observe(0.001)
    before = stage.row.expected()
    await run(native, [stage], 10)
    assert stage.row.expected() > before
    stage = Stage((), ByPrice(), 30, 1e-6, Costly(hangs_at=0))
    await run(native, [stage], 10)
    assert stage.row.expected() == 0


async def test_a_failed_later_stage_does_not_change_the_time_estimate(native) -> None:
    stages = [Stage((), ByPrice(), 30, 5.0, Costly()), Stage((), Failing(), 30, 5.0)]
    await run(native, stages, 10)
    assert stages[0].rest.expected() == 0


async def test_cached_rows_cost_nothing_and_always_fit(native) -> None:
    costly = Costly(known=tuple(range(10)))
    stage = Stage((), ByPrice(), 30, 5.0, costly)
    stage.row.observe(1.0)
    ranked, number, _ = await run(native, [stage], 10, Deadline.after(1.0))
    assert ranked.pages.tolist() == list(range(9, -1, -1))
    assert number == 1


async def test_a_stage_continues_without_the_columns_of_a_failed_hydrator(native) -> None:
    @dataclass
    class Broken:
        name: str = "broken"

        async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
            raise ConnectionError("refused")

    ranked, number, degraded = await run(native, [Stage((Broken(),), ByScore(), 30, 5.0)], 3)
    assert (len(ranked), number, degraded) == (3, 1, ["broken:error"])


async def test_copies_leave_their_places_to_other_pages_and_are_named(native) -> None:
    def odd_pages_are_copies(rows: Candidates, order: np.ndarray, most: int) -> np.ndarray:
        return order[rows.pages[order] % 2 == 0][:most]

    trace = Trace(explain=True)
    stage = Stage((), ThreadRecorder(), 2, 5.0, distinct=odd_pages_are_copies)
    ranked, _ = await Ranking(native, QUERY, Deadline(math.inf), trace).run([stage], candidates(9))
    assert ranked.pages.tolist() == [0, 2]
    assert trace.dropped == {1: "copy"}
