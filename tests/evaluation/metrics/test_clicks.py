import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import held_out_options
from evaluation.metrics.clicks import SATISFIED_S, click_through_rate, satisfied, worth_keeping
from evaluation.metrics.ndcg import click_ndcg

NAN = float("nan")


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text], bool)


def test_ctr_by_hand() -> None:
    impression = np.array([7, 7, 7, 3, 3, 9, 9])  # three impressions: two clicks, none, one
    assert click_through_rate(impression, mask("xx..." + ".x")).mean == pytest.approx(2 / 3)


def test_ctr_of_nothing_is_unknown() -> None:
    assert np.isnan(click_through_rate(np.empty(0, int), np.empty(0, bool)).mean)


def test_a_click_is_satisfied_from_the_threshold_on() -> None:
    dwell = np.array([29.9, 30, 400, NAN, NAN])
    assert satisfied(mask("xxxx."), dwell, 30).tolist() == [False, True, True, False, False]


def test_dwell_time_without_a_click_is_not_a_click() -> None:
    assert not satisfied(mask("."), np.array([60.0])).any()


def test_a_satisfied_click_at_the_second_position_by_hand() -> None:
    clicks = satisfied(mask("xx..."), np.array([3, 90, NAN, NAN, NAN]))  # the first was clickbait
    assert 100 * click_ndcg(np.arange(1, 6), clicks) == pytest.approx(100 / np.log2(3))  # 63.09…


@pytest.mark.parametrize(
    ("clicked", "quality", "kept"),
    [
        ("x..", [1.1, 0, 0], True),
        ("x..", [1.0, 4, 4], False),  # the threshold itself is low quality
        ("xx.", [3.0, 0.5, 4], False),  # one bad click excludes the impression
        (".x.", [NAN, 2.0, NAN], True),  # the quality of unclicked pages does not matter
        ("x..", [NAN, 2.0, 2.0], None),
    ],
)
def test_the_quality_filter_by_hand(clicked: str, quality: list[float], kept: bool | None) -> None:
    assert worth_keeping(mask(clicked), np.array(quality)) is kept


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_ctr_counts_each_impression_once(rows: list[tuple[int, bool]]) -> None:
    impression, clicked = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    by_set = len({i for i, click in rows if click}) / len({i for i, _ in rows})
    assert click_through_rate(impression, clicked).mean == pytest.approx(by_set)


def test_the_command_line_offers_the_threshold_of_the_metric() -> None:
    assert held_out_options.SATISFIED_S == SATISFIED_S
