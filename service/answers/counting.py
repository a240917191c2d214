"""Counts computations and answers in the gateway's metrics."""

from __future__ import annotations

from functools import cache

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Answer
from service.answers.ranked_list import RankedList
from service.answers.request import Request
from service.metrics import Metrics


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
    """Counts an answer by its source, its pages by the paths that found them, and the reasons why it is degraded."""

    name = "answer_counts"

    def __init__(self, metrics: Metrics) -> None:
        self._served, self._arm = cache(metrics.served.labels), cache(metrics.arms.labels)
        self._shown, self._degraded = cache(metrics.shown.labels), cache(metrics.degraded.labels)

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
