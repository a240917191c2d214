"""The ranking half of the executor: runs the stages in order until one fails or time runs out."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cascade.attempt import attempt
from cascade.deadline import Deadline
from cascade.latency_estimate import LatencyEstimate
from cascade.score_scale import below
from cascade.trace import Run, Trace
from cascade.types import AnytimeHydrator, Candidates, Hydrator, Query, Scorer

_CHUNK = 10  # minimum rows per call of an anytime hydrator: fewer take hardly less time
_AT_ONCE = 0.5  # share of the remaining time that one call may take: a call that hangs leaves time for the rest


class Distinct(Protocol):
    """Returns the first `most` rows of `order`, best first, without copies of rows above them."""

    def __call__(self, candidates: Candidates, order: NDArray[np.intp], most: int) -> NDArray[np.intp]: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """One ranking stage: hydrators add columns, the scorer orders the rows, and the best `keep_top` go on.

    The `anytime` hydrator runs in chunks, best rows first, while the next chunk fits into the remaining time. A chunk
    may take at most half of that time; if all rows fit, one call computes them all. `distinct` leaves out copies.
    """

    hydrators: tuple[Hydrator, ...]
    scorer: Scorer
    keep_top: int
    timeout_s: float
    anytime: AnytimeHydrator | None = None
    distinct: Distinct | None = None
    on_loop: bool = False  # run the scorer on the event loop: it takes less time than switching threads
    row: LatencyEstimate = field(default_factory=LatencyEstimate)  # time per row of the anytime hydrator
    rest: LatencyEstimate = field(default_factory=LatencyEstimate)  # time of everything after the last chunk

    @property
    def name(self) -> str:
        """The name of the stage's scorer."""
        return self.scorer.name


@dataclass(slots=True)
class Ranking:
    """One run of the stages over one list of candidates."""

    native: Executor
    query: Query
    deadline: Deadline
    trace: Trace
    _unended: list[tuple[Stage, float]] = field(default_factory=list)  # stages and when their last chunk ended

    async def run(self, stages: Sequence[Stage], candidates: Candidates) -> tuple[Candidates, int]:
        """Return the candidates, best first, and how many stages ranked them.

        Rows that a stage did not reach keep their order below those that it did, on one decreasing scale of scores.
        """
        ranked, left = candidates, Candidates.empty()
        for number, stage in enumerate(stages):
            with self.trace.timed(stage.name):
                scored, unreached = await self._stage(stage, ranked)
            if scored is None:  # later stages build on this one: the order so far is the answer
                self._unended.clear()  # a skipped stage says nothing about how long it takes
                return below(ranked, left), number
            ranked, left = scored, below(unreached, left)
            self.trace.stage(stage.name, ranked)
        return below(ranked, left), len(stages)

    def ended(self) -> None:
        """Record how long everything after the last chunk took; called once the answer is ready."""
        for stage, since in self._unended:
            stage.rest.observe(time.monotonic() - since)

    async def _stage(self, stage: Stage, candidates: Candidates) -> tuple[Candidates | None, Candidates]:
        rows, unreached = candidates, Candidates.empty()
        if stage.anytime is not None:
            rows = await self._in_chunks(stage, stage.anytime, candidates)
            unreached = candidates.take(slice(len(rows), None))
            if len(rows) == 0:
                return None, unreached
        timeout_s = self.deadline.within(stage.timeout_s)
        return await attempt(stage.name, partial(self._score, stage, rows), timeout_s, self.trace), unreached

    async def _score(self, stage: Stage, rows: Candidates) -> Candidates:
        for hydrator in stage.hydrators:
            with self.trace.timed(hydrator.name):
                call = partial(hydrator.hydrate, self.query, rows)
                hydrated = await attempt(hydrator.name, call, self.deadline.within(stage.timeout_s / 2), self.trace)
            rows = rows if hydrated is None else hydrated  # a scorer works without missing columns
        if stage.on_loop:
            score = stage.scorer.score(self.query, rows)
        else:
            loop = asyncio.get_running_loop()
            score = await loop.run_in_executor(self.native, stage.scorer.score, self.query, rows)
        order = np.argsort(-score, kind="stable")
        kept = order[: stage.keep_top]
        if stage.distinct is not None:
            kept = stage.distinct(rows, order, stage.keep_top)
            self._drop_copies(rows, order, kept)
        return rows.with_columns({stage.name: score, "score": score}).take(kept)

    def _drop_copies(self, rows: Candidates, order: NDArray[np.intp], kept: NDArray[np.intp]) -> None:
        """Record the rows that were passed over although a worse one was kept."""
        if self.trace.explain and len(kept):
            above = order[: int(np.flatnonzero(order == kept[-1])[0])]
            self.trace.drop(rows.pages[np.setdiff1d(above, kept)], "copy")

    async def _in_chunks(self, stage: Stage, hydrator: AnytimeHydrator, candidates: Candidates) -> Candidates:
        """Return the best rows that could be hydrated in time, with their new columns."""
        self.trace.on_spare()
        done: list[Candidates] = []
        latest = time.monotonic() + stage.timeout_s * self.deadline.stretch
        until = Deadline(min(self.deadline.at - stage.rest.expected(), latest))
        before = np.concatenate([[0], np.cumsum(hydrator.waiting(self.query, candidates))])
        start = 0
        while start < len(candidates):
            most = _at_once(stage.row.expected(), until.remaining(), len(candidates))
            end = int(np.searchsorted(before, before[start] + most, side="right")) - 1
            waiting = int(before[end] - before[start])
            if waiting and until.remaining() < waiting * stage.row.expected():
                stage.row.decay()
                break
            begun = time.monotonic()
            with self.trace.timed(hydrator.name):
                call = partial(hydrator.hydrate, self.query, candidates.take(slice(start, end)))
                part = await attempt(hydrator.name, call, until.within(math.inf), self.trace)
            took = time.monotonic() - begun
            self.trace.spare_s += took
            self.trace.runs.append(Run(hydrator.name, end - start, waiting, took * 1e3))
            if waiting and part is not None:
                stage.row.observe(took / waiting)
            if part is None:
                if waiting and until.remaining() == 0:
                    stage.row.observe_at_least(took / waiting)
                break
            done.append(part)
            start = end
        if sum(map(len, done)) < len(candidates):
            self.trace.degrade(f"{hydrator.name}:partial")
        self._unended.append((stage, time.monotonic()))
        return Candidates.joined(done)


def _at_once(row_s: float, left_s: float, rows: int) -> int:
    """Return how many uncached rows one call may compute; `row_s` is 0 before the first measurement."""
    return max(_CHUNK, int(min(rows, _AT_ONCE * left_s / row_s))) if row_s else _CHUNK
