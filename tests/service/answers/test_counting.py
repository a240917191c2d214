from __future__ import annotations

import pytest

from cascade.types import Query
from service.answers.answer import Answer
from service.answers.counting import AnswerCounts
from service.answers.request import Request
from service.metrics import Metrics

URL = "https://site.invalid/a"
QUERY, REQUEST = Query(URL, page=1), Request(URL)


def answer(arm: str = "", degraded: tuple[str, ...] = ()) -> Answer:
    paths = (("coclick", 3), ("qprime", 2))
    return Answer(b"{}", "tag", degraded, paths, explained=False, shown=5, served_by="cache", arm=arm)


def test_answers_count_when_the_metrics_are_read() -> None:
    metrics = Metrics()
    counts, read = AnswerCounts(metrics), metrics.registry.get_sample_value
    for degraded in ((), (), ("coclick:timeout",)):
        counts.after_answer(QUERY, answer(degraded=degraded), REQUEST)
    for _ in range(2):  # reading twice counts nothing twice
        assert read("onward_answers_total", {"served_by": "cache"}) == 3
        assert read("onward_recommendations_total", {"path": "coclick"}) == 9
        assert read("onward_degraded_total", {"reason": "coclick:timeout"}) == 1
    counts.after_answer(QUERY, answer(), REQUEST)
    assert b'onward_answers_total{served_by="cache"} 4.0' in metrics.text()


def test_what_fails_before_reading_costs_no_metric(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise OSError("no")

    metrics = Metrics()
    metrics.before_reading(fails)
    AnswerCounts(metrics).after_answer(QUERY, answer(), REQUEST)
    assert b'onward_answers_total{served_by="cache"} 1.0' in metrics.text()
    assert "before metrics are read" in caplog.text
