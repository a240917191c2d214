"""The executor: runs the recall paths in parallel, then the ranking stages.

Timeouts, failures and fallbacks are handled here, in `stages.py` and in `attempt.py`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cascade.attempt import attempt
from cascade.deadline import Deadline
from cascade.score_scale import below, by_position
from cascade.stages import Ranking, Stage
from cascade.trace import Trace
from cascade.types import Candidates, Filter, Hydrator, Query, RecallPath, Trigger, TriggerLookup

#: Degraded flag: the query's page is in no table.
UNKNOWN_PAGE = "unknown_page"

#: Degraded flag: the answer has pages that were recalled only because they are popular.
POPULAR = "fallback:popular"

#: Prefix of the degraded flag for an unknown page in a language that the site does not have; the used one follows.
LANGUAGE = "language:"

#: Degraded flag: fewer pages than requested are left.
SHORT = "short"

#: Popular pages fill the list of an unknown page up to this length, the largest k that a caller may request.
FULL_LIST = 30

_DEEPER = 8  # times the limit of a recall path, where filters and copies leave too few of what it found

#: Rank of a candidate that a recall path did not find.
NOT_RECALLED = np.uint16(65_535)

#: Prefix of the name of a path's rank column.
RANK = "rank_"


#: Column of what the operator's rules add to a page's score, in the score's standard deviations.
SHIFT = "shift"


class Merge(Protocol):
    """Merges the candidates of all recall paths into one list without duplicates."""

    def __call__(self, recalled: dict[str, Candidates]) -> Candidates: ...


class Select(Protocol):
    """Picks at most `k` rows of a ranked list."""

    def __call__(self, query: Query, ranked: Candidates, k: int, trace: Trace) -> Candidates: ...


@dataclass(frozen=True, slots=True)
class RecallStep:
    """One recall path, its candidate limit and its timeout."""

    path: RecallPath
    limit: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Cascade:
    """The request path as an explicit list of parts. Parts only compute; this class adds timeouts and fallbacks."""

    trigger: TriggerLookup
    recall: Sequence[RecallStep]
    fallback: RecallStep
    merge: Merge
    hydrate: Hydrator  # page columns, needed by filters, stages and the answer
    filters: Sequence[Filter]
    stages: Sequence[Stage]
    select: Select
    native: Executor  # thread pool of the scorers
    read_timeout_s: float = math.inf  # per read of page facts: the trigger's, or those of all candidates
    clock: Callable[[], float] = time.time  # seconds since 1970
    stored: str = ""  # the path whose precomputed order is the answer when no stage can rank

    async def run(self, query: Query, k: int, deadline: Deadline, trace: Trace) -> Candidates:
        """Return at most `k` candidates, best first, with a `score` column; never raises for a failed part."""
        return self.choose(query, await self.ranked(query, deadline, trace), k, trace)

    async def ranked(self, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        """Return the full ranked list, to which `choose` applies k, exclusions and λ; sets `trace.cut`."""
        query, candidates = await self.candidates(self.dated(query), deadline, trace)
        return await self.rank(query, candidates, deadline, trace)

    async def rank(self, query: Query, candidates: Candidates, deadline: Deadline, trace: Trace) -> Candidates:
        """Return the ranked list of what `candidates` found, with the query that it returned; sets `trace.cut`."""
        if len(candidates) == 0:
            trace.degrade(POPULAR)
            return await self._popular(query, deadline, trace)
        ranking = Ranking(self.native, query, deadline, trace)
        ranked = await self._rank(ranking, candidates)
        if len(ranked) < FULL_LIST and UNKNOWN_PAGE in trace.degraded:
            ranked = await self._filled_up(query, ranked, deadline, trace)
        ranking.ended()
        trace.cut = len(ranked) < len(candidates)
        return ranked

    def choose(self, query: Query, ranked: Candidates, k: int, trace: Trace, placed: int = 0) -> Candidates:
        """Return at most `k` rows of a ranked list, after applying the query's exclusions and λ, and SHIFT.

        Rules have `placed` so many other pages in the answer already; the rows fill what they leave of `k`.
        """
        with trace.timed("select"):
            allowed = without(ranked, query.exclude)
            chosen = self.select(query, _shifted(self._weighed(self.dated(query), allowed)), k - placed, trace)
        if len(chosen) + placed == 0:
            trace.degrade("empty")
        if np.any(chosen.columns.get(f"{RANK}{self.fallback.path.name}", NOT_RECALLED) != NOT_RECALLED):
            trace.degrade(POPULAR)
        if len(chosen) + placed < k and not trace.degraded:  # else another flag says what is missing
            trace.degrade(SHORT)
        return chosen

    def relisted(self, query: Query, stored: Candidates, trace: Trace) -> Candidates:
        """Return a whole list that was ranked earlier as it stands now: filtered, and ordered by the last stage.

        The rows have the columns that filters and the last stage read. Filters that compare candidates with the
        reader's page dropped theirs when the list was made.
        """
        query, last = self.dated(query), self.stages[-1]
        kept = self._kept(query, stored, trace)
        rows = stored if kept.all() else stored.take(kept)
        score = last.scorer.score(query, rows)
        return rows.with_columns({last.name: score, "score": score}).take(np.argsort(-score, kind="stable"))

    def forget_times(self) -> None:
        """Drop what the stages have learnt about how long they take."""
        for stage in self.stages:
            stage.row.forget()
            stage.rest.forget()

    def dated(self, query: Query) -> Query:
        """Return the query with the time of asking, unless it has one."""
        return replace(query, at=self.clock() / 3600) if math.isnan(query.at) else query

    def _weighed(self, query: Query, ranked: Candidates) -> Candidates:
        """Return the list as the last stage orders it for the query's λ and way; what it did not rank stays below."""
        last = self.stages[-1] if self.stages else None
        if (
            (query.quality_weight is None and not query.history)
            or last is None
            or not last.on_loop
            or last.name not in ranked.columns
        ):
            return ranked
        reached = ~np.isnan(ranked[last.name])
        rows = ranked.take(reached)
        score = last.scorer.score(query, rows)
        weighed = rows.with_columns({last.name: score, "score": score}).take(np.argsort(-score, kind="stable"))
        return below(weighed, ranked.take(~reached))

    async def candidates(self, query: Query, deadline: Deadline, trace: Trace) -> tuple[Query, Candidates]:
        """Return the query with its trigger, and the candidates after recall, merge and filters: ranking's input."""
        candidates, trigger = await asyncio.gather(
            self._recall(self.recall, query, deadline, trace), self._locate(query, deadline, trace)
        )
        query = replace(query, trigger=trigger)
        found = await self._filtered(query, candidates, deadline, trace)
        if not self._enough(found) and (deeper := self._deeper(deadline, trace)):
            more = await self._filtered(query, await self._recall(deeper, query, deadline, trace), deadline, trace)
            found = more if len(more) > len(found) else found  # its pages may have been unreadable
        return query, found

    def _enough(self, candidates: Candidates) -> bool:
        """Return whether the candidates without copies fill the longest list."""
        distinct = self.stages[0].distinct if self.stages else None
        if distinct is None or len(candidates) < FULL_LIST:
            return len(candidates) >= FULL_LIST
        return len(distinct(candidates, np.arange(len(candidates)), FULL_LIST)) >= FULL_LIST

    def _deeper(self, deadline: Deadline, trace: Trace) -> list[RecallStep]:
        """Return the recall paths that may know more pages than they were asked for, with a higher limit.

        None where the pages could not be read: reading more would fail too.
        """
        if any(flag.startswith("pages:") for flag in trace.degraded):
            return []
        full = [step for step in self.recall if len(trace.recalled.get(step.path.name, ())) >= step.limit]
        half = deadline.remaining() / 2
        in_time = [step for step in full if not half < step.timeout_s * deadline.stretch < math.inf]
        return [replace(step, limit=_DEEPER * step.limit) for step in in_time]

    async def _popular(self, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        """Return popular pages, most popular first, unranked: a page without candidates has no features to rank by."""
        found = await self._recall_one(self.fallback, query, deadline, trace)
        merged = self.merge({self.fallback.path.name: found})
        return _by_recall_rank(await self._filtered(query, merged, deadline, trace))

    async def _filled_up(self, query: Query, ranked: Candidates, deadline: Deadline, trace: Trace) -> Candidates:
        """Return the ranked pages with popular ones below: a page with few candidates still gets a full answer."""
        popular = await self._popular(query, deadline, trace)
        parts = (ranked, popular.take(~np.isin(popular.pages, ranked.pages)))
        ranks = {name for part in parts for name in part.columns if name.startswith(RANK)}
        return below(*(_with_ranks(part, ranks) for part in parts))

    async def _locate(self, query: Query, deadline: Deadline, trace: Trace) -> Trigger:
        timeout_s = deadline.within(self.read_timeout_s)
        with trace.timed("trigger"):
            trigger = await attempt("trigger", lambda: self.trigger.locate(query), timeout_s, trace)
        if trigger is None:  # ranking works without the page's own counts
            return self.trigger.unknown(query)
        if not trigger.known:
            trace.degrade(UNKNOWN_PAGE)
        return trigger

    async def _recall(self, steps: Sequence[RecallStep], query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        """Return what the steps find, together with what the trace has of other paths."""
        with trace.timed("recall"):
            found = await asyncio.gather(*(self._recall_one(step, query, deadline, trace) for step in steps))
        with trace.timed("merge"):
            now = {step.path.name: part for step, part in zip(steps, found, strict=True)}
            known = trace.recalled
            known.update({name: part for name, part in now.items() if len(part) or name not in known})
            merged = self.merge({step.path.name: known[step.path.name] for step in self.recall})
        trace.stage("merge", merged)
        return merged

    async def _recall_one(self, step: RecallStep, query: Query, deadline: Deadline, trace: Trace) -> Candidates:
        name = f"recall:{step.path.name}"
        with trace.timed(name):
            found = await attempt(
                name, lambda: step.path.recall(query, step.limit), deadline.within(step.timeout_s), trace
            )
        return Candidates.empty() if found is None else found

    async def _filtered(self, query: Query, candidates: Candidates, deadline: Deadline, trace: Trace) -> Candidates:
        if len(candidates) == 0:
            return candidates
        with trace.timed("hydrate"):
            timeout_s = deadline.within(self.read_timeout_s)
            hydrated = await attempt("pages", lambda: self.hydrate.hydrate(query, candidates), timeout_s, trace)
        if hydrated is None:
            return Candidates.empty()
        trace.drop(np.setdiff1d(candidates.pages, hydrated.pages), "unknown page")
        with trace.timed("filter"):
            kept = self._kept(query, hydrated, trace)
        return hydrated if kept.all() else hydrated.take(kept)

    def _kept(self, query: Query, candidates: Candidates, trace: Trace) -> NDArray[np.bool_]:
        """Return which rows all filters keep."""
        kept = np.ones(len(candidates), np.bool_)
        for rule in self.filters:  # filters judge each row by itself, so rows are copied once, at the end
            keep = rule.keep(query, candidates)
            trace.drop(candidates.pages[kept & ~keep], rule.name)
            kept &= keep
        return kept

    async def _rank(self, ranking: Ranking, candidates: Candidates) -> Candidates:
        """Return the candidates as ranked by the stages that succeeded; flag the fallback when not all did."""
        ranked, stages = await ranking.run(self.stages, _by_recall_rank(candidates))
        if stages == len(self.stages):
            return ranked
        trace = ranking.trace
        if stages == 0:
            stored = f"{RANK}{self.stored}"
            trace.degrade(f"fallback:{self.stored if stored in ranked.columns else 'recall'}")
            return by_position(_in_order_of(ranked, stored))
        trace.degrade(f"fallback:{self.stages[stages - 1].name}")
        return ranked


def without(ranked: Candidates, pages: frozenset[int]) -> Candidates:
    """Return the rows whose page is not in `pages`."""
    if not pages:
        return ranked
    return ranked.take(~np.isin(ranked.pages, np.fromiter(pages, np.uint64, len(pages))))


def _shifted(ranked: Candidates) -> Candidates:
    """Return the list in the order of its scores with SHIFT; unchanged without that column."""
    if SHIFT not in ranked.columns:
        return ranked
    score = ranked["score"] + ranked[SHIFT]
    return ranked.with_columns({"score": score}).take(np.argsort(-score, kind="stable"))


def _with_ranks(candidates: Candidates, ranks: Iterable[str]) -> Candidates:
    """Return the rows with all these rank columns; a missing one means that its path did not find the rows."""
    absent = np.full(len(candidates), NOT_RECALLED)
    return candidates.with_columns({name: absent for name in ranks if name not in candidates.columns})


def _in_order_of(candidates: Candidates, rank: str) -> Candidates:
    """Return the candidates with those of one path first, in its order; unchanged without its rank column."""
    return candidates.take(np.argsort(candidates[rank], kind="stable")) if rank in candidates.columns else candidates


def _by_recall_rank(candidates: Candidates) -> Candidates:
    """Return the candidates ordered by their best rank in any path: the answer when no stage can rank."""
    ranks = [column for name, column in candidates.columns.items() if name.startswith(RANK)]
    best = np.min(ranks, axis=0) if ranks else np.zeros(len(candidates), np.uint16)
    scored = candidates.with_columns({"score": -best.astype(np.float32)})
    return scored.take(np.argsort(best, kind="stable"))
