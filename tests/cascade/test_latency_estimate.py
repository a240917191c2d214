from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cascade.latency_estimate import LatencyEstimate


def test_the_estimate_is_zero_before_the_first_sample() -> None:
    assert LatencyEstimate().expected() == 0


def test_a_constant_duration_is_learnt() -> None:
    estimate = LatencyEstimate()
    for _ in range(100):
        estimate.observe(0.02)
    assert 0.02 <= estimate.expected() < 0.0201


def test_a_varying_duration_is_allowed_more_than_its_mean() -> None:
    estimate = LatencyEstimate()
    for _ in range(100):
        estimate.observe(0.01)
        estimate.observe(0.03)
    assert 0.03 < estimate.expected() < 0.05


@given(st.lists(st.floats(0, 10), min_size=1))
def test_the_estimate_is_never_negative(times: list[float]) -> None:
    estimate = LatencyEstimate()
    for seconds in times:
        estimate.observe(seconds)
    assert estimate.expected() >= 0


def test_decay_lowers_the_estimate_until_the_work_is_tried_again() -> None:
    estimate = LatencyEstimate()
    estimate.observe(100.0)
    for _ in range(200):
        estimate.decay()
    assert estimate.expected() < 0.01
