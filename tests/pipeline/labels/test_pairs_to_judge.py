"""Which pairs a judge is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config import BuildConfig, LabelsConfig
from pipeline.labels.pairs_to_judge import hard_pairs, pairs_to_judge
from pipeline.labels.rubric_judge import PairJudge
from pipeline.log.events import past_impressions
from pipeline.runner.work import Work


def work(tiny, tmp_path: Path, judged: int) -> Work:
    return Work(BuildConfig(labels=replace(LabelsConfig(), judged=judged)), tmp_path, tiny.work)


def test_hard_pairs_have_the_largest_rank_difference_between_clicks_and_rubric(tiny, tmp_path: Path) -> None:
    given = work(tiny, tmp_path, 100)
    shown = past_impressions(given).to_pydict()
    times, clicks = {}, {}
    for pair, clicked in zip(zip(shown["page1"], shown["page2"], strict=True), shown["clicked"], strict=True):
        times[pair] = times.get(pair, 0) + 1
        clicks[pair] = clicks.get(pair, 0) + clicked
    most_clicked = max(times, key=lambda pair: clicks[pair] / (times[pair] + 5))

    def unlike_clicks(page1: np.ndarray, page2: np.ndarray) -> np.ndarray:
        """Score the most clicked pair last, and all others the same."""
        return np.where((page1 == most_clicked[0]) & (page2 == most_clicked[1]), 0, 3).astype(np.float32)

    assert tuple(hard_pairs(given, unlike_clicks, 10)[0]) == most_clicked


def test_each_kind_has_a_quarter_and_pairs_are_distinct(tiny, tmp_path: Path) -> None:
    given = work(tiny, tmp_path, 200)
    judge = PairJudge(given)
    pairs = pairs_to_judge(given, judge.pages, judge)
    assert 150 < len(pairs) <= 200
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    hard = set(map(tuple, hard_pairs(given, judge, 50).tolist()))
    assert hard <= set(map(tuple, pairs.tolist()))
