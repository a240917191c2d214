"""With few units an estimated variance is too rough for a test: nothing may be found, today or on any later day."""

from __future__ import annotations

import duckdb
import numpy as np

from evaluation.experiments.comparison import compare
from evaluation.experiments.interleaving import credits_of
from evaluation.experiments.metrics import Metric
from evaluation.experiments.panel import PRE, SUMS, Panel

QUALITY = Metric("RecoDCG@5", "reco_dcg", "judged_impressions")


def equal_arms(rng: np.random.Generator, a_day: int, days: int) -> Panel:
    units = 2 * a_day * days
    sums = {name: np.ones(units) if name.endswith("impressions") else rng.normal(30, 9, units) for name in SUMS}
    before = {name: np.zeros(units) for name in PRE}
    of_day, of_arm = np.repeat(np.arange(days), 2 * a_day), np.arange(units) % 2
    return Panel(("a", "b"), of_day, np.arange(units), of_arm, sums, before, 0)


def test_a_slow_start_raises_no_false_alarms() -> None:
    rng = np.random.default_rng(1)
    found = [compare(equal_arms(rng, 2, 14), QUALITY, "b", 0.05) for _ in range(60)]
    assert sum(of.found for of in found) <= 3
    assert len(found[0].looks) == 5  # from the day with 20 units per arm


def test_clicks_on_few_pages_decide_nothing_between_interleaved_arms() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE impression AS SELECT 'a+b' AS arm, 'page' || (i % 5) AS url1, i % 7 AS day,
                [0, 1]::TINYINT[] AS teams, [1 + (hash(i) % 20 < 9)::INT] AS clicked FROM range(7000) AS t(i)"""
        )
        (credit,) = credits_of(connection, 0.05)
    assert credit.clicks == 7_000
    assert credit.looks == []
