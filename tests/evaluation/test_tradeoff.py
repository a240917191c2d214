from xml.etree import ElementTree

import pytest

from evaluation.metrics.bootstrap import Interval
from evaluation.reports.plot import Curve, Mark, plot
from evaluation.reports.tradeoff_report import html
from evaluation.tradeoff import Point, choose, too_few

NAN = float("nan")


def point(
    parameter: float, reco: float, clicks: float, strategy: str = "linear", ctr: float = NAN, wide: float = 0.01
) -> Point:
    """Return a point compared with λ = 0 (RecoDCG@5 50, clicks 60); intervals of differences are ± `wide`."""
    expected = Interval(ctr, ctr, ctr)
    changes = (Interval(v, v - wide, v + wide) for v in (reco - 50, clicks - 60))
    return Point(strategy, parameter, *(Interval(v, v - 1, v + 1) for v in (reco, clicks)), expected, *changes)


CURVE = [point(0, 50, 60), point(0.1, 55, 61), point(0.3, 60, 59.8), point(0.5, 65, 58), point(1, 70, 40)]


def test_the_most_quality_within_the_bound_is_chosen() -> None:
    assert choose(CURVE, 0.005).parameter == 0.3  # 59.8 is 0.33 % less than 60
    assert choose(CURVE, 0.0).parameter == 0.1
    assert choose(CURVE, 1.0).parameter == 1


def test_expected_ctr_does_not_influence_the_choice() -> None:
    curve = [point(0, 50, 60, ctr=0.5), point(0.3, 55, 60, ctr=0.4), point(0.5, 60, 60, ctr=0.1)]
    assert choose(curve, 0.005).parameter == 0.5


def test_a_cost_that_may_exceed_the_bound_is_not_accepted() -> None:
    """With few impressions the mean cost is 0, but the interval reaches a tenth of the clicks."""
    assert choose([CURVE[0], point(0.3, 60, 60, wide=6)], 0.005).parameter == 0
    assert choose([CURVE[0], point(0.1, 55, 60), point(0.3, 60, 61, wide=6)], 0.005).parameter == 0.1


def test_a_gain_in_quality_must_be_certain() -> None:
    assert choose([CURVE[0], point(0.3, 50.5, 61, wide=1)], 0.5).parameter == 0


def test_what_was_not_measured_is_not_chosen() -> None:
    assert choose([CURVE[0], point(0.3, NAN, 61), point(0.4, 60, NAN)], 0.5).parameter == 0


def test_of_equal_points_the_smallest_weight_is_chosen() -> None:
    assert choose([point(0.2, 52, 60), point(0, 50, 60), point(0.1, 52, 60)]).parameter == 0.1


def test_other_strategies_are_shown_but_never_served() -> None:
    assert choose([*CURVE, point(1, 99, 99, "dynamic")]).strategy == "linear"


def test_the_plot_is_well_formed_and_every_point_is_in_it() -> None:
    drawn = plot([Curve("a & b", [1, 2], [3, 4], ["<1>", "2"])], "x", "y", [Mark(1, 3, "here")])
    root = ElementTree.fromstring(drawn)
    titles = [title.text for title in root.iter("title")]
    assert titles == ["<1>", "2"]
    positions = [float(circle.get("cx")) for circle in root.iter("circle")]
    assert all(0 <= x <= 720 for x in positions)


def test_points_that_do_not_vary_can_be_drawn() -> None:
    ElementTree.fromstring(plot([Curve("one", [0, 0], [5, 5], ["a", "b"])], "x", "y"))


def test_the_report_needs_no_network_and_names_the_choice() -> None:
    report = html("Title", CURVE, CURVE[2], "the rule", {"pages": 7})
    assert "http" not in report
    assert "λ = 0.3" in report
    assert report.count("<tr class=chosen>") == 1
    assert "60.00 [59.00, 61.00]" in report


def test_a_point_is_plain_json() -> None:
    stored = point(0.2, 50.12345, 60).as_dict()
    assert stored["reco_dcg"] == pytest.approx({"mean": 50.1234, "low": 49.1234, "high": 51.1235}, abs=1e-3)
    assert stored["ctr"] == {"mean": None, "low": None, "high": None}
    assert stored["gain"] == pytest.approx({"mean": 0.1234, "low": 0.1134, "high": 0.1335}, abs=1e-3)


def test_a_choice_from_too_little_data_has_a_warning() -> None:
    assert too_few(6, 3).startswith("λ is based on only 6 impressions")
    assert "3 pages with a judged answer (100 are needed)" in too_few(6, 3)
    assert "pages" not in too_few(6, 500).partition("good page")[2]
    assert too_few(1_000, 100) == ""
