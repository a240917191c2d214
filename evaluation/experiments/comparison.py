"""Compares an arm with the control: differences with intervals, daily looks, and how long it still takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tea_tasting.aggr import Aggregates
from tea_tasting.metrics.mean import MeanResult

from evaluation.experiments.always_valid import FEWEST, TYPICAL_EFFECT, Look, look, running
from evaluation.experiments.metrics import Metric
from evaluation.experiments.panel import Panel
from evaluation.metrics.bootstrap import Interval


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm against the control in one metric; NaN where there is nothing to compare."""

    metric: Metric
    arm: str
    absolute: Interval  # valid at one look, decided in advance
    relative: Interval  # a share of the control's value
    p_value: float  # at one look
    looks: list[Look]  # one per day; valid at any time
    alpha: float

    @property
    def found(self) -> bool:
        """Whether the always-valid test has found a difference, on this or an earlier day."""
        return bool(self.looks) and self.looks[-1].p_value < self.alpha


@dataclass(frozen=True, slots=True)
class Plan:
    """What the experiment can see now, and how long it takes to see the effect that is planned for."""

    detectable: float  # relative effect found with 80 % power by the units so far
    effect: float  # relative effect planned for
    units: int  # that it needs, in both arms
    days_to_go: int


def compare(units: Panel, metric: Metric, arm: str, alpha: float) -> Difference:
    """Return the difference between an arm and the control, at a false-alarm rate of `alpha`."""
    control = units.arms[0]
    looks: list[Look] = []
    result = None
    for day, by_arm in units.looks(metric.columns):
        if control not in by_arm or arm not in by_arm:
            continue
        result = _tested(metric, by_arm[control], by_arm[arm], alpha)
        if result is not None and min(by_arm[control].count(), by_arm[arm].count()) >= FEWEST:
            looks.append(_look(day, result, alpha))
    if result is None:
        nothing = Interval(math.nan, math.nan, math.nan)
        return Difference(metric, arm, nothing, nothing, math.nan, [], alpha)
    absolute = _interval(result.effect_size, result.effect_size_ci_lower, result.effect_size_ci_upper)
    relative = _interval(result.rel_effect_size, result.rel_effect_size_ci_lower, result.rel_effect_size_ci_upper)
    return Difference(metric, arm, absolute, relative, float(result.pvalue), running(looks), alpha)


def plan(units: Panel, metric: Metric, arm: str, alpha: float, effect: float) -> Plan | None:
    """Return the smallest effect that is detectable now, and the days until `effect` (relative) is.

    None before both arms have clicks.
    """
    by_arm = units.total(metric.columns)
    both = [by_arm[name] for name in (units.arms[0], arm) if name in by_arm]
    if len(both) < 2 or not all(of.mean(metric.numerator) and of.var(metric.numerator) for of in both):
        return None
    together, test = both[0] + both[1], metric.power(alpha, effect)
    [now] = test.solve_power_from_aggregates(together, "rel_effect_size")
    [wanted] = test.solve_power_from_aggregates(together, "n_obs")
    needed, days = int(wanted.n_obs), int(units.days[-1] - units.days[0]) + 1
    a_day = together.count() / days
    return Plan(float(now.rel_effect_size), effect, needed, max(0, math.ceil((needed - together.count()) / a_day)))


def _tested(metric: Metric, control: Aggregates, treatment: Aggregates, alpha: float) -> MeanResult | None:
    """Return Welch's test; None before both arms have something to count, with a spread."""
    for of in (control, treatment):
        if not (of.mean(metric.denominator) and of.mean(metric.numerator)) or not of.ratio_var(*metric.columns[:2]) > 0:
            return None
    return metric.test(1 - alpha).analyze_aggregates(control, treatment)


def _look(day: int, result: MeanResult, alpha: float) -> Look:
    variance = float(result.effect_size / result.statistic) ** 2 if result.statistic else 0.0
    return look(day, float(result.effect_size), variance, TYPICAL_EFFECT * abs(float(result.control)), alpha)


def _interval(*numbers: float) -> Interval:
    """Return an interval of plain numbers; the library's own number types cannot be written as JSON."""
    mean, low, high = map(float, numbers)
    return Interval(mean, low, high)
