import numpy as np
import pytest

from evaluation.answer_quality import CTR, FILTERED, MIN_RANDOM_IMPRESSIONS, RECO, AnswerQuality, ClickRules
from evaluation.held_out import HeldOut, Impression
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.ndcg import RECALL_AT
from evaluation.truth import JudgedPairs

NAN = float("nan")
SECOND = 1 / np.log2(3)


def pages(*ids: int) -> np.ndarray:
    return np.array(ids, np.uint64)


def shown(clicked: str, dwell: list[float], random: bool = True) -> Impression:
    """Pages 11, 12, … in order."""
    mask = np.array([letter == "x" for letter in clicked], bool)
    return Impression(pages(*range(11, 11 + len(clicked))), mask, np.array(dwell, np.float32), random)


def truth(**quality: float) -> JudgedPairs:
    """Quality of pages `p11`, `p12`, … after page 1."""
    ids = pages(*(int(name[1:]) for name in quality))
    return JudgedPairs(np.ones(len(ids), np.uint64), ids, np.array(list(quality.values())))


def log(*impressions: Impression) -> HeldOut:
    return HeldOut({}, {1: list(impressions)}, None, Interval(0.0, 0.0, 0.0))


def test_the_paper_s_rules_apply_if_the_log_allows_them() -> None:
    rules = ClickRules.of(log(*[shown("x.", [40, NAN])] * MIN_RANDOM_IMPRESSIONS, shown("x.", [40, NAN], random=False)))
    assert rules.clicked(shown("xx", [40, 5])).tolist() == [True, False]
    assert rules.clicked(shown("x.", [5, NAN])) is None
    assert rules.clicked(shown("x.", [40, NAN], random=False)) is None


def test_without_random_impressions_or_times_every_click_counts() -> None:
    rules = ClickRules.of(log(shown("x.", [NAN, NAN], random=False)))
    assert not rules.random_only
    assert rules.clicked(shown("x.", [NAN, NAN], random=False)).tolist() == [True, False]


def test_a_few_random_impressions_are_not_used_alone() -> None:
    not_satisfied = shown("x.", [5, NAN])
    rules = ClickRules.of(log(*[shown("x.", [40, NAN])] * (MIN_RANDOM_IMPRESSIONS - 1), not_satisfied))
    assert not rules.random_only
    assert rules.clicked(shown("x.", [40, NAN], random=False)).tolist() == [True, False]


def test_figures_by_hand() -> None:
    impressions = [shown("x.", [60, NAN]), shown(".x", [NAN, 60])]
    measured = AnswerQuality(truth(p11=4, p12=1), ClickRules.of(log(*impressions)))
    ranking = {"ours": pages(11, 12)}
    measured.add(1, ranking, ranking, impressions)
    figures = measured.figures()["ours"]
    assert figures[RECO].mean == pytest.approx(25 * (4 + SECOND) / (1 / np.log2(np.arange(2, 7))).sum())
    assert figures["reco_dcg_at_1"].mean == 100
    assert figures["satisfied_click_ndcg_at_5"].mean == pytest.approx(100 * (1 + SECOND) / 2)
    assert figures[FILTERED].mean == pytest.approx(100)  # the click on the page of quality 1 does not count
    assert figures["judged_at_5"].mean == 1
    assert figures[CTR].as_dict() == {"mean": None, "low": None, "high": None}
    assert measured.summary()["kept_impressions"] == 1


def test_an_impression_with_a_click_of_unknown_quality_is_left_out_and_counted() -> None:
    impressions = [shown("x.", [60, NAN])]
    measured = AnswerQuality(truth(p12=4), ClickRules.of(log(*impressions)))
    measured.add(1, {"ours": pages(11, 12)}, {"ours": pages(11, 12)}, impressions)
    figures = measured.figures()["ours"]
    assert measured.unknown == 1
    assert np.isnan(figures[FILTERED].mean)
    assert figures["judged_at_5"].mean == 0.5


def test_a_list_longer_than_an_answer_has_no_advantage() -> None:
    impressions = [shown("x.", [60, NAN])]
    measured = AnswerQuality(truth(p11=4), ClickRules.of(log(*impressions)))
    others = np.arange(100, 100 + RECALL_AT, dtype=np.uint64)
    rankings = {"long": np.append(others, pages(11)), "short": np.append(others[1:], pages(11)), "none": pages()}
    measured.add(1, dict.fromkeys(rankings, pages(11)), rankings, impressions)
    found = {name: figures[FILTERED].mean for name, figures in measured.figures().items()}
    assert found == {"long": 0, "short": 100, "none": 0}


def test_rankings_are_compared_paired_by_page() -> None:
    measured = AnswerQuality(truth(p11=4, p12=1), ClickRules.of(log()))
    for _ in range(10):
        measured.add(1, {"good": pages(11), "bad": pages(12)}, {}, ())
    found = measured.against("good", "bad", "reco_dcg_at_1")
    assert (found.mean, found.low, found.high) == (75, 75, 75)


def test_an_empty_answer_is_worth_nothing_and_has_nothing_to_judge() -> None:
    measured = AnswerQuality(truth(p11=4), ClickRules.of(log()))
    measured.add(1, {"none": pages()}, {}, ())
    figures = measured.figures()["none"]
    assert figures[RECO].mean == 0
    assert np.isnan(figures["judged_at_5"].mean)
