"""What happened during one request: times, dropped pages with reasons, and missing parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates

_current: ContextVar[Trace] = ContextVar("trace")


class Run(NamedTuple):
    """One run of an anytime hydrator: over how many rows, and how many of them it had to compute."""

    stage: str
    rows: int
    computed: int
    ms: float


@dataclass(slots=True)
class Trace:
    """The record of one run of the cascade. `dropped` and `stages` are filled only if `explain` is set."""

    explain: bool = False
    degraded: list[str] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)  # PageId -> the filter that dropped it
    recalled: dict[str, Candidates] = field(default_factory=dict)
    stages: dict[str, Candidates] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)  # of anytime hydrators, in order
    cut: bool = False  # whether stages dropped rows that could have appeared further down
    thinned: dict[int, list[int]] = field(
        default_factory=dict
    )  # fingerprint of a rule -> pages; those of `explain` only
    spare_s: float = 0.0  # seconds of anytime work, which expands to fill the time available
    on_spare: Callable[[], None] = lambda: None  # called when anytime work begins

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the wall time of the block to `ms[name]`, in milliseconds."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3

    def degrade(self, reason: str) -> None:
        """Flag that part of the answer is missing; each reason is kept once."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def drop(self, pages: NDArray[np.uint64], reason: str) -> None:
        """Record why pages were dropped; the first reason is kept."""
        if self.explain:
            for page in pages.tolist():
                self.dropped.setdefault(page, reason)

    def thin(self, rule: int, page: int) -> None:
        """Record that a rule, by its fingerprint, has dropped a page; the page itself only for `explain`."""
        pages = self.thinned.setdefault(rule, [])
        if self.explain:
            pages.append(page)

    def stage(self, name: str, candidates: Candidates) -> None:
        """Record the candidates after a stage."""
        if self.explain:
            self.stages[name] = candidates


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Make `trace` the current trace of the block and of the tasks started in it."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def degrade(reason: str) -> None:
    """Flag the current request's trace, in code too deep to be passed it; does nothing outside a request."""
    if (trace := _current.get(None)) is not None:
        trace.degrade(reason)


def thin(rule: int, page: int) -> None:
    """Record in the current request's trace that a rule has dropped a page; does nothing outside a request."""
    if (trace := _current.get(None)) is not None:
        trace.thin(rule, page)
