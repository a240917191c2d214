from __future__ import annotations

import numpy as np
import pytest

from ablations.rerank import rerank
from ablations.sample import Sample
from ablations.tables import Compared, Figure, absolute, compared
from evaluation.answer_quality import RECO, AnswerQuality, ClickRules
from evaluation.metrics.bootstrap import Interval, difference
from evaluation.truth import JudgedPairs

PAGES = np.array([1, 2, 3, 4], np.uint64)
ASKED = np.array([10.0, 40.0, 70.0, 90.0])


def sample() -> Sample:
    """Return two seeds of two rankings: the treatment is 2 better on every page, 4 better under the second seed."""
    found = Sample()
    for gain in (2.0, 4.0):
        found.add_rows("old", "m", ASKED, PAGES)
        found.add_rows("new", "m", ASKED + gain, PAGES)
    return found


def test_differences_are_paired_by_page_and_seeds_are_pooled() -> None:
    found = sample().against("new", "old", "m")
    assert found == Interval(3.0, 3.0, 3.0)  # pages differ by 80, yet the interval has no width: rows were paired
    own = sample().interval("new", "m")
    assert own.high - own.low > 20
    assert sample().by_seed("new", "old", "m") == [2.0, 4.0]


def test_rankings_of_different_pages_are_not_paired() -> None:
    found = sample()
    found.add_rows("other", "m", np.tile(ASKED, 2), np.tile(PAGES[::-1], 2))
    with pytest.raises(ValueError, match="have different pages"):
        found.against("other", "old", "m")


def test_a_missing_measurement_is_nan() -> None:
    assert np.isnan(sample().against("new", "nowhere", "m").mean)
    assert np.isnan(sample().interval("new", "other metric").mean)


def test_a_change_in_percent_is_relative_to_the_control() -> None:
    found = difference(np.array([0.3, 0.3]), np.array([0.2, 0.4]), relative=True)
    assert found.mean == pytest.approx(0)
    assert difference(ASKED * 1.1, ASKED, relative=True) == Interval(*([pytest.approx(10)] * 3))
    assert np.isnan(difference(ASKED, np.zeros(4), relative=True).mean)


@pytest.mark.parametrize(
    ("low", "mean", "high", "agrees"),
    [(1, 2, 3, "yes"), (-3, -2, -1, "no"), (-1, 2, 3, "unclear"), (np.nan, np.nan, np.nan, "")],
)
def test_a_sign_agrees_only_if_the_interval_excludes_zero(low: float, mean: float, high: float, agrees: str) -> None:
    assert Figure(Interval(mean, low, high), paper=5.1).agrees == agrees
    assert Figure(Interval(mean, low, high)).agrees == ""


def test_a_row_has_the_papers_figure_and_the_control_is_absolute() -> None:
    (row,) = compared(sample(), 5, {"both": "new"}, "old", [Compared("RecoDCG@5", "m")])
    figure = row.figures["RecoDCG@5"]
    assert (figure.found.mean, figure.paper, figure.seeds) == (3.0, 5.862, [2.0, 4.0])
    control = absolute(sample(), "baseline", "old", {"RecoDCG@5": "m"}).figures["RecoDCG@5"]
    assert (control.found.mean, control.agrees) == (52.5, "")


def test_candidates_are_ranked_by_each_scorer_and_the_top_five_count() -> None:
    pages = np.arange(1, 8, dtype=np.uint64)
    truth = JudgedPairs(np.full(7, 9, np.uint64), pages, np.array([0, 0, 4, 4, 4, 4, 4]))
    quality = AnswerQuality(truth, ClickRules(False, False))
    scorers = {
        "up": lambda page, found: found.astype(np.float32),
        "down": lambda page, found: -found.astype(np.float32),
    }
    rerank({9: pages, 8: np.empty(0, np.uint64)}, scorers, quality, lambda done: None)
    found = {name: values.tolist() for name, metric, values, _ in quality.values((RECO,))}
    assert found["up"] == [100.0]
    assert found["down"] == [pytest.approx(100 * (1 - 1.6309297 / 2.9484591))]  # positions 1 and 2 have quality 0
