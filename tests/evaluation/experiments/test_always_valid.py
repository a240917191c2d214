from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.experiments.always_valid import look, running
from evaluation.experiments.sample_ratio import p_value


def test_p_value_and_interval_agree() -> None:
    at_edge = look(0, 0.1, 0.001, 0.05, 0.05).difference
    assert look(0, at_edge.mean - at_edge.low, 0.001, 0.05, 0.05).p_value == pytest.approx(0.05)


def test_the_formula_is_that_of_the_mixture_test() -> None:
    effect, variance, spread = 0.03, 0.0001, 0.02
    ratio = math.sqrt(variance / (variance + spread**2)) * math.exp(
        spread**2 * effect**2 / (2 * variance * (variance + spread**2))
    )  # Johari et al., equation 7
    assert look(0, effect, variance, spread, 0.05).p_value == pytest.approx(1 / ratio)


def test_an_estimate_without_variance_says_nothing() -> None:
    assert look(0, 0.1, 0.0, 0.05, 0.05).p_value == 1.0


def test_looking_all_the_time_raises_few_false_alarms() -> None:
    rng = np.random.default_rng(0)
    size = np.arange(1, 201) * 50
    alarms = peeks = 0
    for _ in range(400):
        mean = np.cumsum(rng.normal(0, math.sqrt(50), 200)) / size
        looks = [look(day, float(mean[day]), 1 / size[day], 0.05, 0.05) for day in range(200)]
        alarms += running(looks)[-1].p_value < 0.05
        peeks += bool((abs(mean) * np.sqrt(size) > 1.96).any())
    assert alarms / 400 <= 0.05
    assert peeks / 400 > 0.3  # what looking every day at an ordinary test does


def test_looks_only_ever_gain() -> None:
    looks = [look(day, 0.02, 0.01 / (1 + day), 0.05, 0.05) for day in (0, 9, 4)]
    found = running(looks)
    assert [each.p_value for each in found] == sorted((each.p_value for each in found), reverse=True)
    assert found[2].difference.low == found[1].difference.low


def test_what_has_changed_stands_alone() -> None:
    before, after = look(0, 0.9, 1e-6, 0.05, 0.05), look(1, -0.9, 1e-6, 0.05, 0.05)
    assert running([before, after])[1].difference == after.difference


@pytest.mark.parametrize(("counts", "mismatch"), [((500, 500), False), ((5_200, 4_800), True), ((0, 0), False)])
def test_a_sample_ratio_is_a_mismatch_where_chance_hardly_gives_it(counts: tuple[int, int], mismatch: bool) -> None:
    assert (p_value(dict(zip("ab", counts, strict=True)), None) < 0.001) == mismatch
