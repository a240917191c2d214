from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from under_torchrun import run_two

from text_model.distributed import World, world
from text_model.effort import HeldOut
from text_model.training import CURVE_POINTS, Batch, Curve, Schedule, fit, rows_of_step

TWO_PROCESSES = Path(__file__).with_name("two_processes.py")


class Line(nn.Module):
    """Learns y = 2x + 1; the other head has no examples."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(1, 1)
        self.unused = nn.Linear(1, 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return {"line": (self.line(batch["x"]) - batch["y"]).square().mean()}


def draw(step: int) -> Batch:
    x = torch.from_numpy(np.linspace(-1, 1, 1_000, dtype=np.float32)[rows_of_step(3, step, 1_000, 16)]).unsqueeze(1)
    return {"x": x, "y": 2 * x + 1}


def train(
    line: Line, steps: int, checkpoint: Path | None = None, stop_at: int | None = None, averaged: float = 0.0
) -> Curve:
    def progress(done: int) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    groups = [(list(line.line.parameters()), 0.05), (list(line.unused.parameters()), 0.01)]
    return fit(line, groups, draw, Schedule(steps, 10, averaged), checkpoint, progress)


def test_it_learns_and_the_loss_falls() -> None:
    line = Line()
    losses = train(line, 300).losses["line"]
    assert line.line.weight.item() == pytest.approx(2, abs=0.1)
    assert line.line.bias.item() == pytest.approx(1, abs=0.1)
    assert losses[-1] < losses[0] / 10


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, killed, resumed = Line(), Line(), Line()
    curve = train(whole, 50)
    with pytest.raises(KeyboardInterrupt):
        train(killed, 50, tmp_path / "checkpoint", stop_at=27)
    found = train(resumed, 50, tmp_path / "checkpoint")
    assert torch.equal(resumed.line.weight, whole.line.weight)
    assert torch.equal(resumed.line.bias, whole.line.bias)
    assert found.losses == curve.losses


def test_averaging_ends_at_the_mean_of_the_last_steps_weights() -> None:
    seen: list[Tensor] = []
    averaged = Line()
    groups = [(list(averaged.line.parameters()), 0.05)]
    schedule = Schedule(20, average_share=0.25)
    fit(averaged, groups, draw, schedule, None, lambda done: seen.append(averaged.line.weight.detach().clone()))
    assert averaged.line.weight.item() == pytest.approx(torch.stack(seen[15:]).mean().item(), abs=1e-6)


def test_a_resumed_run_ends_with_the_same_mean_weights(tmp_path: Path) -> None:
    whole, killed, resumed = Line(), Line(), Line()
    train(whole, 50, averaged=0.6)
    with pytest.raises(KeyboardInterrupt):
        train(killed, 50, tmp_path / "checkpoint", stop_at=37, averaged=0.6)
    train(resumed, 50, tmp_path / "checkpoint", averaged=0.6)
    assert torch.equal(resumed.line.weight, whole.line.weight)


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    first, second = Line(), Line()
    train(first, 30, tmp_path / "checkpoint")
    train(second, 30, tmp_path / "checkpoint", stop_at=30)
    assert torch.equal(first.line.weight, second.line.weight)


def test_a_half_written_checkpoint_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.writing").write_bytes(b"half")
    whole, other = Line(), Line()
    train(whole, 20)
    train(other, 20, tmp_path / "checkpoint")
    assert torch.equal(whole.line.weight, other.line.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    schedule = Schedule(100)
    assert schedule.factor(0) == pytest.approx(0.1)
    assert schedule.factor(10) == pytest.approx(0.9)
    assert schedule.factor(100) == 0


def test_a_curve_is_thinned_to_means() -> None:
    curve = Curve({"loss": [float(step) for step in range(1_000)]})
    thinned = curve.thinned()
    assert len(thinned["loss"]) == len(thinned["step"]) == CURVE_POINTS
    assert (thinned["loss"][0], thinned["step"][0], thinned["step"][-1]) == (4.5, 10, 1_000)
    assert Curve({"loss": [3.0, 1.0]}).thinned() == {"step": [1.0, 2.0], "loss": [3.0, 1.0]}


def test_processes_share_a_batch() -> None:
    batch = np.arange(7)
    parts = [batch[World(rank, 3, torch.device("cpu")).share(7)] for rank in range(3)]
    assert sorted(np.concatenate(parts)) == list(batch)
    with pytest.raises(ValueError, match="a batch of 2 cannot be split among 3 processes"):
        World(0, 3, torch.device("cpu")).share(2)


def test_two_processes_learn_the_same_as_one(tmp_path: Path) -> None:
    alone = Line()
    train(alone, 20)
    run_two(TWO_PROCESSES, tmp_path / "out")
    together = load_file(tmp_path / "out")
    assert together["line.weight"].item() == pytest.approx(alone.line.weight.item(), abs=1e-5)
    assert together["line.bias"].item() == pytest.approx(alone.line.bias.item(), abs=1e-5)


def noise(step: int) -> Batch:
    """Return a batch of which nothing can be learnt: what is fitted to others makes it worse."""
    x = torch.from_numpy(np.random.default_rng((9, step)).normal(size=(16, 1)).astype(np.float32))
    return {"x": x, "y": -x}


def train_until_held_out_gains_nothing(line: Line, checkpoint: Path | None = None, stop_at: int | None = None) -> Curve:
    def progress(done: int) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    groups = [(list(line.line.parameters()), 0.05)]
    return fit(line, groups, draw, Schedule(200, checkpoint_every=10), checkpoint, progress, HeldOut(noise, 2))


def test_training_ends_when_held_out_examples_gain_nothing_and_keeps_the_best_weights() -> None:
    line, first = Line(), Line()
    curve = train_until_held_out_gains_nothing(line)
    assert curve.steps < 200
    losses = list(curve.held_out.values())
    assert len(losses) == int(np.argmin(losses)) + 5  # four checks without a gain
    assert list(curve.held_out) == list(range(10, curve.steps + 1, 10))
    held_out = HeldOut(noise, 2)
    assert held_out.loss(line, line, world()) == pytest.approx(min(losses))
    assert held_out.loss(line, line, world()) != held_out.loss(first, first, world())
    assert curve.thinned()["held_out"][9::10] == [round(loss, 5) for loss in losses]


@pytest.mark.parametrize("stop_at", [7, 12, 23])
def test_a_resumed_run_ends_at_the_same_step_with_the_same_weights(tmp_path: Path, stop_at: int) -> None:
    whole, killed, resumed, again = Line(), Line(), Line(), Line()
    curve = train_until_held_out_gains_nothing(whole)
    assert curve.steps > stop_at
    with pytest.raises(KeyboardInterrupt):
        train_until_held_out_gains_nothing(killed, tmp_path / "checkpoint", stop_at)
    found = train_until_held_out_gains_nothing(resumed, tmp_path / "checkpoint")
    assert (found.losses, found.held_out) == (curve.losses, curve.held_out)
    assert torch.equal(resumed.line.weight, whole.line.weight)
    train_until_held_out_gains_nothing(again, tmp_path / "checkpoint", stop_at=1)  # finished: it takes no step
    assert torch.equal(again.line.weight, whole.line.weight)
