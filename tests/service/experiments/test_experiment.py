from __future__ import annotations

import pytest

from service.experiments.experiment import Arm, Experiment

CONTROL, QUALITY = Arm("control", 0.7), Arm("quality", 0.3, quality_weight=0.5)
EXPERIMENT = Experiment("ranking", (CONTROL, QUALITY), (CONTROL, QUALITY))


def assigned(experiment: Experiment, unit: str) -> str:
    trial = experiment.trial(unit, 1, 0.0)
    assert trial is not None
    return trial.label


def test_units_are_assigned_by_shares_and_keep_their_arm() -> None:
    arms = [assigned(EXPERIMENT, f"reader-{n}") for n in range(20_000)]
    assert arms.count("quality") / len(arms) == pytest.approx(0.3, abs=0.01)
    assert arms == [assigned(EXPERIMENT, f"reader-{n}") for n in range(20_000)]


def test_another_experiment_assigns_anew() -> None:
    other = Experiment("second", EXPERIMENT.arms)
    both = [(assigned(EXPERIMENT, f"{n}"), assigned(other, f"{n}")) for n in range(20_000)]
    assert both.count(("quality", "quality")) / len(both) == pytest.approx(0.09, abs=0.01)


def test_without_a_unit_chance_depends_on_page_and_slot_alone() -> None:
    draws = [EXPERIMENT.trial("", page, now).draw().random() for page in (1, 2) for now in (0, 3_599, 3_600)]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4


def test_without_unit_and_arms_for_it_a_request_is_not_part_of_the_experiment() -> None:
    assert Experiment("ranking", (CONTROL, QUALITY)).trial("", 1, 0.0) is None
