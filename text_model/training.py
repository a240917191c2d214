"""The training loop of every text model: warm-up, mixed precision, several processes, checkpoints, loss curve.

A batch depends only on its step number, so a run that was killed and resumed sees the same batches, and ends with
the same weights, as an uninterrupted one. The forward pass runs in bfloat16 on GPUs that support it, else in float32.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from store.damaged_file import whole
from text_model.averaging import Average
from text_model.distributed import World, world
from text_model.effort import Best, HeldOut, due, trainable
from text_model.time_limit import TimeLimit

CURVE_POINTS = 100
_MAX_GRADIENT_NORM = 1.0

#: Tensors, or mappings of tensors, by name.
Batch = Mapping[str, Any]
Progress = Callable[[int], None]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train and how often to checkpoint; the rate warms up for a tenth of the steps, then falls to 0."""

    steps: int
    checkpoint_every: int = 0  # steps; 0 writes none
    average_share: float = 0.0  # of the steps, the last ones, whose weights are averaged at the end
    minutes: float = 0.0  # at most; 0: no limit. With one, the steps taken depend on the machine

    def factor(self, step: int, passed: float = 0.0) -> float:
        """Return the factor of the learning rates at a step, counted from 0, when a share of the time has passed."""
        warm = max(1, self.steps // 10)
        return min(1.0, (step + 1) / warm) * max(0.0, 1 - max(step / self.steps, passed))


@dataclass(slots=True)
class Curve:
    """Losses by name, one per step (of this process's part of the batch)."""

    losses: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[int, float] = field(default_factory=dict)  # by the steps done

    def add(self, parts: Mapping[str, float]) -> None:
        """Append one step's losses."""
        for name, value in parts.items():
            self.losses.setdefault(name, []).append(value)

    @property
    def steps(self) -> int:
        """The steps taken."""
        return max(map(len, self.losses.values()), default=0)

    def thinned(self) -> dict[str, list[float]]:
        """Return at most CURVE_POINTS means per loss, and `step`, the last step of each mean.

        Held-out losses are interpolated between the checks."""
        if self.steps == 0:
            return {}
        bins = np.array_split(np.arange(self.steps), min(self.steps, CURVE_POINTS))
        means = {name: _means(np.array(values), bins) for name, values in self.losses.items()}
        ends = [float(rows[-1] + 1) for rows in bins]
        if self.held_out:
            between = np.interp(ends, list(self.held_out), list(self.held_out.values()))
            means["held_out"] = [round(float(loss), 5) for loss in between]
        return {"step": ends, **means}


def _means(values: NDArray[np.float64], bins: Sequence[NDArray[np.int64]]) -> list[float]:
    return [round(float(values[rows].mean()), 5) for rows in bins]


def fit(
    objective: nn.Module,
    groups: Sequence[tuple[list[nn.Parameter], float]],
    draw: Callable[[int], Batch],
    schedule: Schedule,
    checkpoint: Path | None,
    progress: Progress,
    held_out: HeldOut | None = None,
) -> Curve:
    """Train in place and return the curve; `objective(batch)` returns the losses by name, which are added.

    `groups` are parameters with their learning rates. If `checkpoint` exists, training resumes from it; a finished
    run returns at once. With `held_out`, training ends when their loss has stopped falling, with the weights that
    had the lowest; without, with the mean weights of the schedule's last steps, if it averages. A run that its time
    limit ended, and that is started again, takes up where its last checkpoint stands.
    """
    here = world()
    objective.to(here.device)
    optimizer = torch.optim.AdamW([{"params": part, "lr": rate} for part, rate in groups], weight_decay=0.01)
    average = Average(schedule.average_share)
    limit = TimeLimit(schedule.minutes)
    start, curve, best = _resumed(objective, optimizer, checkpoint, average, limit)
    module = _shared(objective, here)
    learnt = trainable(objective, groups)

    def evaluate(batch: Batch) -> Mapping[str, Tensor]:
        with torch.autocast(here.device.type, torch.bfloat16, enabled=_mixed(here.device)):
            losses: dict[str, Tensor] = objective(to_device(batch, here.device))
        return losses

    for step in range(start, schedule.steps):
        passed = limit.share(here)
        if best.ended or passed >= 1:
            break
        for group, (_, rate) in zip(optimizer.param_groups, groups, strict=True):
            group["lr"] = rate * schedule.factor(step, passed)
        with torch.autocast(here.device.type, torch.bfloat16, enabled=_mixed(here.device)):
            parts: dict[str, Tensor] = module(to_device(draw(step), here.device))
        optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(list(learnt.values()), _MAX_GRADIENT_NORM)
        optimizer.step()
        curve.add({name: float(loss.detach()) for name, loss in parts.items()})
        average.add(learnt, max((step + 1) / schedule.steps, passed))
        if held_out is not None and due(step + 1, schedule.steps):
            best.add(held_out.loss(objective, evaluate, here), learnt)
        if checkpoint is not None and (best.ended or _due(step + 1, schedule)):
            _write(objective, optimizer, checkpoint, step + 1, curve, best, average, limit, here)
        progress(step + 1)
    (best if best.weights else average).restore(objective)
    checked = [done for done in range(1, curve.steps + 1) if due(done, schedule.steps)]
    curve.held_out = dict(zip(checked, best.losses, strict=bool(best.losses)))
    return curve


def rows_of_step(seed: int, step: int, among: int, count: int) -> NDArray[np.int64]:
    """Return this process's part of the `count` rows drawn from `among` at a step; deterministic."""
    rows: NDArray[np.int64] = np.random.default_rng((seed, step)).integers(0, among, count)
    return rows[world().share(count)]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else to_device(value, device)
        for name, value in batch.items()
    }


def _mixed(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _shared(objective: nn.Module, here: World) -> nn.Module:
    if here.size == 1:
        return objective
    devices = [here.device] if here.device.type == "cuda" else None
    # A head without examples and an unused pooler have no gradients.
    return DistributedDataParallel(objective, device_ids=devices, find_unused_parameters=True)


def _due(done: int, schedule: Schedule) -> bool:
    every = schedule.checkpoint_every
    return done == schedule.steps or (every > 0 and done % every == 0)


def _write(
    objective: nn.Module, optimizer: torch.optim.Optimizer, path: Path, step: int, curve: Curve, best: Best,
    average: Average, limit: TimeLimit, here: World,
) -> None:  # fmt: skip
    if not here.main:
        return
    # By parameter, not by state_dict: there a tower that reads both sides has one tensor under two names.
    tensors = {f"model.{name}": value.detach().contiguous() for name, value in objective.named_parameters()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    for kind, weights in (("best", best.weights), ("average", average.weights)):
        tensors |= {f"{kind}.{name}": value for name, value in weights.items()}
    beside = path.with_suffix(".writing")
    about = {"step": str(step), "losses": json.dumps(curve.losses), "held_out": json.dumps(best.losses)}
    about |= {"averaged": str(average.count), "seconds": str(limit.seconds)}
    save_file(tensors, beside, about)
    beside.replace(path)


def _resumed(
    objective: nn.Module, optimizer: torch.optim.Optimizer, path: Path | None, average: Average, limit: TimeLimit
) -> tuple[int, Curve, Best]:
    """Restore weights, mean weights and the optimizer's state; return the steps done, curve and best weights."""
    if path is None or not path.is_file():
        return 0, Curve(), Best()
    model: dict[str, Tensor] = {}
    best: dict[str, Tensor] = {}
    state: dict[int, dict[str, Tensor]] = {}
    with whole(path, SafetensorError), safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - it is not a mapping
            kind, _, name = key.partition(".")
            if kind == "model":
                model[name] = file.get_tensor(key)
            elif kind == "best":
                best[name] = file.get_tensor(key)
            elif kind == "average":
                average.weights[name] = file.get_tensor(key).to(world().device)
            else:
                number, _, part = name.partition(".")
                state.setdefault(int(number), {})[part] = file.get_tensor(key)
        about = file.metadata()
    average.count, limit.spent_s = int(about["averaged"]), float(about["seconds"])
    for parameter_name, parameter in objective.named_parameters():
        parameter.data.copy_(model[parameter_name])
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(about["step"]), Curve(json.loads(about["losses"])), Best(json.loads(about["held_out"]), best)
