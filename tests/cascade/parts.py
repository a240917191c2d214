"""Parts of a cascade that tests turn: they can fail, hang or block their thread."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

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


def small_cascade(native: ThreadPoolExecutor) -> Cascade:
    """Return a cascade of two paths, a filter and two stages."""
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
