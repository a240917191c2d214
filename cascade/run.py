"""The executor: runs recall in parallel, then the stages, and alone knows time, failure and fallback."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from cascade.deadline import Deadline
from cascade.trace import Trace
from cascade.types import Candidates, Filter, Hydrator, Query, RecallPath, Scorer, Trigger, TriggerLookup

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The reason of an answer for a page that is in no table.
UNKNOWN_PAGE = "unknown_page"

#: Rank of a candidate that a recall path did not find.
NOT_RECALLED = np.uint16(65_535)


class Merge(Protocol):
    """Joins what the recall paths found into one list without duplicates."""

    def __call__(self, recalled: dict[str, Candidates]) -> Candidates: ...


class Select(Protocol):
    """Picks at most `k` rows of a ranked list."""

    def __call__(self, query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates: ...


@dataclass(frozen=True, slots=True)
class RecallStep:
    """One recall path, how many candidates it may bring, and how long it may take."""

    path: RecallPath
    limit: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One rung of ranking: columns are added, rows are scored and ordered, `keep_top` go on."""

    hydrators: tuple[Hydrator, ...]
    scorer: Scorer
    keep_top: int
    timeout_s: float

    @property
    def name(self) -> str:
        """The stage goes by the name of its scorer."""
        return self.scorer.name


@dataclass(frozen=True, slots=True)
class Cascade:
    """The request path as a visible list. Pure stages go in; an answer in time comes out."""

    trigger: TriggerLookup
    recall: Sequence[RecallStep]
    fallback: RecallStep
    merge: Merge
    hydrate: Hydrator  # page columns, which filters, stages and the answer all need
    filters: Sequence[Filter]
    stages: Sequence[Stage]
    select: Select
    native: Executor  # threads for work that blocks: models and indexes

    async def run(self, query: Query, k: int, deadline: Deadline, trace: Trace) -> Candidates:
        """Return at most `k` candidates, best first, with a `score` column; never raises for a failed part."""
        query, candidates = await self.candidates(query, deadline, trace)
        if len(candidates):
            ranked = await self._rank(query, candidates, deadline, trace)
        else:
            ranked = await self._popular(query, deadline, trace)
        with trace.timed("select"):
            chosen = self.select(query, ranked, k, trace)
        if len(chosen) == 0:
            trace.degrade("empty")
        return chosen

    async def candidates(self, query: Query, deadline: Deadline, trace: Trace) -> tuple[Query, Candidates]:
        """Return the query with its trigger, and what recall, merge and filters leave: what ranking begins with."""
        candidates, trigger = await asyncio.gather(
            self._recall(query, deadline, trace), self._locate(query, deadline, trace)
        )
        if trigger is None:  # without the page's own facts nothing can be filtered or ranked
            return query, Candidates.empty()
        query = replace(query, trigger=trigger)
        return query, await self._filtered(query, candidates, deadline, trace)

    async def _popular(self, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        """Return popular pages, most popular first: ranking knows nothing of a page that recall knows nothing of."""
        if query.trigger is None:
            return Candidates.empty()
        trace.degrade("fallback:popular")
        found = await self._recall_one(self.fallback, query, deadline, trace)
        merged = self.merge({self.fallback.path.name: found})
        return _by_recall_rank(await self._filtered(query, merged, deadline, trace))

    async def _locate(self, query: Query, deadline: Deadline, trace: Trace) -> Trigger | None:
        with trace.timed("trigger"):
            trigger = await _attempt("trigger", lambda: self.trigger.locate(query), deadline.within(math.inf), trace)
        if trigger is not None and not trigger.known:
            trace.degrade(UNKNOWN_PAGE)
        return trigger

    async def _recall(self, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        with trace.timed("recall"):
            found = await asyncio.gather(*(self._recall_one(step, query, deadline, trace) for step in self.recall))
        with trace.timed("merge"):
            recalled = {step.path.name: part for step, part in zip(self.recall, found, strict=True)}
            merged = self.merge(recalled)
        trace.recalled.update(recalled)
        trace.stage("merge", merged)
        return merged

    async def _recall_one(self, step: RecallStep, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        name = f"recall:{step.path.name}"
        with trace.timed(name):
            found = await _attempt(
                name, lambda: step.path.recall(query, step.limit), deadline.within(step.timeout_s), trace
            )
        return Candidates.empty() if found is None else found

    async def _filtered(self, query: Query, candidates: Candidates, deadline: Deadline, trace: Trace) -> Candidates:
        if len(candidates) == 0:
            return candidates
        with trace.timed("hydrate"):
            hydrated = await _attempt(
                "pages", lambda: self.hydrate.hydrate(query, candidates), deadline.within(math.inf), trace
            )
        if hydrated is None:
            return Candidates.empty()
        trace.drop(np.setdiff1d(candidates.pages, hydrated.pages), "unknown page")
        with trace.timed("filter"):
            for rule in self.filters:
                keep = rule.keep(query, hydrated)
                trace.drop(hydrated.pages[~keep], rule.name)
                hydrated = hydrated.take(keep)
        return hydrated

    async def _rank(self, query: Query, candidates: Candidates, deadline: Deadline, trace: Trace) -> Candidates:
        ranked = _by_recall_rank(candidates)
        for stage in self.stages:
            with trace.timed(stage.name):
                scored = await _attempt(
                    stage.name, self._stage_call(stage, query, ranked, trace), deadline.within(stage.timeout_s), trace
                )
            if scored is None:  # later stages build on this one: the order so far is the answer
                return ranked
            ranked = scored
            trace.stage(stage.name, ranked)
        return ranked

    def _stage_call(
        self, stage: Stage, query: Query, candidates: Candidates, trace: Trace
    ) -> Callable[[], Awaitable[Candidates]]:
        async def call() -> Candidates:
            rows = candidates
            for hydrator in stage.hydrators:
                with trace.timed(hydrator.name):
                    rows = await hydrator.hydrate(query, rows)
            loop = asyncio.get_running_loop()
            score = await loop.run_in_executor(self.native, stage.scorer.score, query, rows)
            order = np.argsort(-score, kind="stable")[: stage.keep_top]
            return rows.with_columns({stage.name: score, "score": score}).take(order)

        return call


def _by_recall_rank(candidates: Candidates) -> Candidates:
    """Return the candidates in the order of their best rank in any path: the answer when no stage can rank."""
    ranks = [column for name, column in candidates.columns.items() if name.startswith("rank_")]
    best = np.min(ranks, axis=0) if ranks else np.zeros(len(candidates), np.uint16)
    scored = candidates.with_columns({"score": -best.astype(np.float32)})
    return scored.take(np.argsort(best, kind="stable"))


async def _attempt(name: str, call: Callable[[], Awaitable[T]], timeout_s: float | None, trace: Trace) -> T | None:
    """Await one part of the cascade; a failure or a timeout is logged, flagged and answered with None."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call()
    except TimeoutError:
        trace.degrade(f"{name}:timeout")
    except Exception as error:  # a part may fail in any way: the answer goes on without it
        log.warning("%s failed: %r", name, error)
        trace.degrade(f"{name}:error")
    return None
