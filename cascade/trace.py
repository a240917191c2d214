"""What happened to one request: times, what was dropped and why, what was missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates

_current: ContextVar[Trace] = ContextVar("trace")


@dataclass(slots=True)
class Trace:
    """The record of one run of the cascade. `stages` is filled only when `explain` is asked."""

    explain: bool = False
    degraded: list[str] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)  # PageId -> the filter that dropped it
    recalled: dict[str, Candidates] = field(default_factory=dict)
    stages: dict[str, Candidates] = field(default_factory=dict)
    cut: bool = False  # whether stages left out rows that lower ranks could still show
    spare_s: float = 0.0  # spent on what could have been left out: it fills the time that there is

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the wall time of the block to `ms[name]`, in milliseconds."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3

    def degrade(self, reason: str) -> None:
        """Note once that part of the answer is missing."""
        if reason not in self.degraded:
            self.degraded.append(reason)

    def drop(self, pages: NDArray[np.uint64], reason: str) -> None:
        """Note why pages left the list; the first reason stands."""
        if self.explain:
            for page in pages.tolist():
                self.dropped.setdefault(page, reason)

    def stage(self, name: str, candidates: Candidates) -> None:
        """Keep the candidates as a stage left them."""
        if self.explain:
            self.stages[name] = candidates


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Make a trace the one on which the block's parts, and the tasks that they start, note what they lack."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def degrade(reason: str) -> None:
    """Note on the trace of the request that runs; for parts that lie too deep to be given it. Nothing outside one."""
    if (trace := _current.get(None)) is not None:
        trace.degrade(reason)
