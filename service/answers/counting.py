"""Counts computations and answers in the gateway's metrics."""

from __future__ import annotations

from functools import cache

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList
from service.answers.request import Request
from service.metrics import Metrics

_MOST_RULES = 100  # with a label of their own, each for up to four actions


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


class AnswerCounts:
    """Counts an answer by its source, the paths of its pages, the reasons why it is degraded, and the rules."""

    name = "answer_counts"

    def __init__(self, metrics: Metrics) -> None:
        self._served, self._arm = cache(metrics.served.labels), cache(metrics.arms.labels)
        self._shown, self._degraded = cache(metrics.shown.labels), cache(metrics.degraded.labels)
        self._rules, self._named = metrics.rule_hits.labels, set[str]()

    def enabled(self, query: Query) -> bool:
        return True

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        self._served(answer.served_by).inc()
        if answer.arm:
            self._arm(*answer.arm.split("/")).inc()
        for path, pages in answer.paths:
            self._shown(path).inc(pages)
        for reason in answer.degraded:
            self._degraded(reason).inc()
        for action, rule in answer.rules:
            self._rules(action, self._bounded(rule)).inc()

    def _bounded(self, rule: str) -> str:
        """Return the label of a rule: its own for the first hundred rules that act, `other` for the rest."""
        if len(self._named) < _MOST_RULES:
            self._named.add(rule)
        return rule if rule in self._named else "other"
