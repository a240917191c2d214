"""Counts computations and answers in the gateway's metrics."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList
from service.answers.request import Request
from service.metrics import Metrics

_MOST_RULES = 100  # with a label of their own, each for up to four actions
_MOST_KINDS = 1_000  # of answers that wait to be counted


class ComputationCounts:
    """Counts the time of each stage, and the candidates of each recall path."""

    name = "computation_counts"

    def __init__(self, metrics: Metrics) -> None:
        self._stage, self._recalled = metrics.stage.labels, metrics.recalled.labels

    def enabled(self, query: Query) -> bool:
        return True

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        for stage, ms in trace.ms.items():
            self._stage(stage).observe(ms)
        for path, found in trace.recalled.items():
            self._recalled(path).observe(len(found))


class _Kind(NamedTuple):
    """What is counted of an answer."""

    served_by: str
    arm: str
    paths: tuple[tuple[str, int], ...]
    degraded: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]


class AnswerCounts:
    """Counts an answer by its source, the paths of its pages, the reasons why it is degraded, and the rules.

    Answers of one kind are added to the metrics at once, when these are read: one by one that would take a quarter of
    the time of a cached answer.
    """

    name = "answer_counts"

    def __init__(self, metrics: Metrics) -> None:
        self._served, self._arm = cache(metrics.served.labels), cache(metrics.arms.labels)
        self._shown, self._degraded = cache(metrics.shown.labels), cache(metrics.degraded.labels)
        self._rules, self._named = metrics.rule_hits.labels, set[str]()
        self._waiting: Counter[_Kind] = Counter()
        metrics.before_reading(self._add)

    def enabled(self, query: Query) -> bool:
        return True

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        self._waiting[_Kind(answer.served_by, answer.arm, answer.paths, answer.degraded, answer.rules)] += 1
        if len(self._waiting) >= _MOST_KINDS:
            self._add()

    def _add(self) -> None:
        waiting, self._waiting = self._waiting, Counter()
        for kind, answers in waiting.items():
            self._served(kind.served_by).inc(answers)
            if kind.arm:
                self._arm(*kind.arm.split("/")).inc(answers)
            for path, pages in kind.paths:
                self._shown(path).inc(pages * answers)
            for reason in kind.degraded:
                self._degraded(reason).inc(answers)
            for action, rule in kind.rules:
                self._rules(action, self._bounded(rule)).inc(answers)

    def _bounded(self, rule: str) -> str:
        """Return the label of a rule: its own for the first hundred rules that act, `other` for the rest."""
        if len(self._named) < _MOST_RULES:
            self._named.add(rule)
        return rule if rule in self._named else "other"
