from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cascade.pace import Pace


def test_the_estimate_is_zero_before_the_first_sample() -> None:
    assert Pace().expected() == 0


def test_a_constant_duration_is_learnt() -> None:
    pace = Pace()
    for _ in range(100):
        pace.took(0.02)
    assert 0.02 <= pace.expected() < 0.0201


def test_a_varying_duration_is_allowed_more_than_its_mean() -> None:
    pace = Pace()
    for _ in range(100):
        pace.took(0.01)
        pace.took(0.03)
    assert 0.03 < pace.expected() < 0.05


@given(st.lists(st.floats(0, 10), min_size=1))
def test_the_estimate_is_never_negative(times: list[float]) -> None:
    pace = Pace()
    for seconds in times:
        pace.took(seconds)
    assert pace.expected() >= 0


def test_skipping_lowers_the_estimate_until_the_work_is_tried_again() -> None:
    pace = Pace()
    pace.took(100.0)
    for _ in range(200):
        pace.skipped()
    assert pace.expected() < 0.01
