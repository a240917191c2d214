"""Components that run after a computation or an answer: counting, queueing unknown pages, sharing ranked lists.

`service/bootstrap.py` lists them; the recommender knows none by name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList
from service.answers.request import Request

log = logging.getLogger(__name__)


class SideEffect(Protocol):
    """Has a name, for the log and the metrics, and says which queries it is for.

    It runs on the event loop while the caller waits: it costs a dictionary entry, and what takes longer runs in a task
    of its own.
    """

    @property
    def name(self) -> str: ...

    def enabled(self, query: Query) -> bool: ...


class ComputationEffect(SideEffect, Protocol):
    """Runs once for each run of the cascade, however many callers wait for its list or get it from a cache later."""

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None: ...


class AnswerEffect(SideEffect, Protocol):
    """Runs once for each answer that a caller gets, cached answers included. `request` is what the caller sent."""

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None: ...


_Run = tuple[str, Callable[[Query], bool], Callable[..., None]]


class SideEffects:
    """Runs the side effects in their order. One that fails never costs the answer: it is logged once, and counted."""

    def __init__(
        self,
        after_computation: Sequence[ComputationEffect] = (),
        after_answer: Sequence[AnswerEffect] = (),
        failed: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._computation: list[_Run] = [(one.name, one.enabled, one.after_computation) for one in after_computation]
        self._answer: list[_Run] = [(one.name, one.enabled, one.after_answer) for one in after_answer]
        self._failed = failed
        self._logged: set[str] = set()

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        """Run what follows a computation."""
        self._run(self._computation, query, ranked, trace)

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        """Run what follows an answer."""
        self._run(self._answer, query, answer, request)

    def _run(self, effects: list[_Run], query: Query, *result: Any) -> None:
        for name, enabled, run in effects:
            try:
                if enabled(query):
                    run(query, *result)
            except Exception:
                self._note_failure(name)

    def _note_failure(self, name: str) -> None:
        self._failed(name)
        if name not in self._logged:  # a busy gateway would fill the disk
            self._logged.add(name)
            log.exception("side effect %s failed; further failures are only counted", name)
