from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.build_time import estimate_s, slowness
from store.bundle import Manifest

MINUTE = 60.0


def manifest(seconds: dict[str, float]) -> Manifest:
    tables = {"pages": {"kept": 6_211, "read": 6_211}, "clicks": {"kept": 30_000, "read": 35_517}}
    return Manifest(
        name="b", created=datetime(2026, 11, 26, tzinfo=UTC), seed=0, config={}, data={"tables": tables}, features={},
        dimensions={}, rows={}, metrics={}, warmup=[], files={}, seconds=seconds,
    )  # fmt: skip


def test_the_estimate_of_a_measured_build_is_near_its_time() -> None:
    assert estimate_s(6_211, 182_183, "quick", 60 * MINUTE) == pytest.approx(203, rel=0.1)
    assert estimate_s(4_604, 2_300_000, "full", 0) == pytest.approx(705, rel=0.1)


def test_answers_take_no_longer_than_they_may() -> None:
    assert estimate_s(10**6, 0, "quick", MINUTE) < estimate_s(10**6, 0, "quick", 60 * MINUTE)


def test_an_earlier_build_tells_how_slow_the_machine_is() -> None:
    usual = estimate_s(6_211, 35_517, "quick", 60 * MINUTE)
    assert slowness(manifest({"read": usual, "text": usual}), "quick", 60 * MINUTE) == pytest.approx(2)
    assert slowness(manifest({}), "quick", 60 * MINUTE) is None
