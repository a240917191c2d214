from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from configs.reading import SettingsError
from service.experiments.file import read_experiment
from service.experiments.live_experiment import Experiments
from service.settings import Settings

GOOD = """
name = "ranking"
without_unit = ["control", "quality"]

[[arms]]
name = "control"
share = 0.5

[[arms]]
name = "quality"
share = 0.5
quality_weight = 0.5
budget_ms = 150
recall = { qprime = 60, popular = 0 }

"""


def read(tmp_path: Path, text: str, settings: Settings | None = None):
    path = tmp_path / "arms.toml"
    path.write_text(text)
    return read_experiment(path, settings or Settings())


def test_arms_are_read(tmp_path: Path) -> None:
    control, quality = read(tmp_path, GOOD).arms
    assert control.variant == ()
    assert quality.quality_weight == 0.5
    assert quality.variant == (("budget_ms", 150.0), ("recall.popular.limit", 0.0), ("recall.qprime.limit", 60.0))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("share = 0.5", "share = 0.4", "arms: the shares sum to 0.8: make them sum to 1"),
        ('name = "quality"', 'name = "control"', "arms: control is there twice: give each arm its own name"),
        ('["control", "quality"]', '["old"]', "without_unit: there is no arm old: name one of control, quality"),
        ('["control", "quality"]', '["control", "control"]', "without_unit: both arms are the same"),
        ("quality_weight = 0.5", "quality_weight = 2", r"arms\[1\].quality_weight: must be less than or equal to 1"),
        ("quality_weight = 0.5", "lambda = 0.5", r"arms\[1\].lambda: is not a known field"),
        ("budget_ms = 150", "budget_ms = 9000", "arm quality: budget_ms is above max_budget_ms: give at most 5000"),
        ("qprime = 60", "q_prime = 60", "arm quality: recall.q_prime is no recall path: name one of"),
        ("qprime = 60", "qprime = 60000", r"arms\[1\].recall.qprime: must be less than or equal to 1000"),
        (
            "quality_weight = 0.5",
            "explore = { share = 0.2 }",
            "quality explores, and cannot share a list",
        ),
        ('name = "ranking"', 'name = "a+b"', "name: "),
        ('name = "ranking"', "name =", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_by_field_and_fix(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_a_path_that_the_gateway_has_off_cannot_be_turned_on(tmp_path: Path) -> None:
    off = Settings.model_validate({"recall": {"qprime": {"limit": 0, "timeout_ms": 50}}})
    with pytest.raises(SettingsError, match=r"recall.qprime is off in this gateway: set recall.qprime.limit above 0"):
        read(tmp_path, GOOD, off)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_experiment(tmp_path / "none.toml", Settings())


async def test_a_changed_file_is_taken_and_a_bad_one_keeps_the_old_arms(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "arms.toml"
    path.write_text(GOOD)
    experiments = Experiments(path, Settings())

    async def change(text: str, at: float) -> None:
        path.write_text(text)
        os.utime(path, (at, at))
        await experiments.poll()

    await change(GOOD.replace('"ranking"', '"second"'), 10.0)
    assert experiments.current.name == "second"
    with caplog.at_level(logging.WARNING):
        await change(GOOD.replace("share = 0.5", "share = 0.1"), 20.0)
        assert experiments.current.name == "second"
    assert "the previous arms stay" in caplog.text
    assert "the shares sum to 0.2: make them sum to 1" in caplog.text
