from __future__ import annotations

import pytest
import torch

from text_model.distributed import World
from text_model.time_limit import TimeLimit
from text_model.training import Schedule, fit

ALONE = World(0, 1, torch.device("cpu"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_share_of_the_time_counts_earlier_runs_and_never_exceeds_one() -> None:
    clock = Clock()
    limit = TimeLimit(2.0, spent_s=30.0, clock=clock)
    assert limit.share(ALONE) == pytest.approx(0.25)
    clock.now += 30
    assert limit.share(ALONE) == pytest.approx(0.5)
    clock.now += 3_600
    assert limit.share(ALONE) == 1


def test_without_a_limit_no_time_passes() -> None:
    clock = Clock()
    limit = TimeLimit(0.0, clock=clock)
    clock.now += 1e6
    assert limit.share(ALONE) == 0


def test_the_learning_rate_falls_with_the_time_where_that_runs_out_first() -> None:
    schedule = Schedule(100, minutes=1.0)
    assert schedule.factor(50, 0.1) == pytest.approx(0.5)
    assert schedule.factor(50, 0.9) == pytest.approx(0.1)


def test_a_training_ends_when_its_time_is_over() -> None:
    line = torch.nn.Linear(1, 1)

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = line

        def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"loss": self.line(batch["x"]).square().mean()}

    groups, schedule = [(list(line.parameters()), 0.01)], Schedule(10**9, minutes=0.005)
    taken = fit(Loss(), groups, lambda step: {"x": torch.ones(4, 1)}, schedule, None, lambda done: None)
    assert 0 < taken.steps < 10**6
