"""Counts computations and answers in the gateway's metrics."""

from __future__ import annotations

from collections import Counter

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
    """Counts an answer by its source, the paths of its pages, the reasons why it is degraded, and the rules.

    In plain numbers, which are added to the metrics when these are read: the library's own would take a quarter of the
    time of a cached answer.
    """

    name = "answer_counts"

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._named = metrics, set[str]()
        self._served, self._shown, self._degraded, self._arm = (Counter[str]() for _ in range(4))
        self._rules: Counter[tuple[str, str]] = Counter()
        metrics.before_reading(self._add)

    def enabled(self, query: Query) -> bool:
        return True

    def after_answer(self, query: Query, answer: Answer, request: Request) -> None:
        self._served[answer.served_by] += 1
        if answer.arm:
            self._arm[answer.arm] += 1
        for path, pages in answer.paths:
            self._shown[path] += pages
        for reason in answer.degraded:
            self._degraded[reason] += 1
        for action, rule in answer.rules:
            self._rules[action, self._bounded(rule)] += 1

    def _add(self) -> None:
        metrics = self._metrics
        for counted, metric in (
            (self._served, metrics.served), (self._shown, metrics.shown), (self._degraded, metrics.degraded),
        ):  # fmt: skip
            for label, count in counted.items():
                metric.labels(label).inc(count)
            counted.clear()
        for arm, count in self._arm.items():
            metrics.arms.labels(*arm.split("/")).inc(count)
        for labels, count in self._rules.items():
            metrics.rule_hits.labels(*labels).inc(count)
        self._arm.clear()
        self._rules.clear()

    def _bounded(self, rule: str) -> str:
        """Return the label of a rule: its own for the first hundred rules that act, `other` for the rest."""
        if len(self._named) < _MOST_RULES:
            self._named.add(rule)
        return rule if rule in self._named else "other"
