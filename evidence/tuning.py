"""Trains adapters, and MP-Heads if asked, on what users took next; the base stays frozen (equation 17)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from evidence.likelihood import Asked, at_once, batch_of, candidate_means, token_scores
from evidence.task_feature import LoraFeature
from evidence.wrapped_attention import wrap
from text_model.training import Batch, Curve, Progress, Schedule, fit, rows_of_step


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """Tunables of one row's training."""

    rank: int = 8  # of the adapters on queries and values of all layers from the first trained one on
    rate: float = 1e-3
    gate_rate: float = 2e-2  # the gates start at 0: they have far to go in few steps
    batch: int = 4
    steps: int = 100
    k: int = 32  # tokens of a graph
    seed: int = 0


def adapted(
    base: PreTrainedModel, first: int, heads: Sequence[int], settings: TuningSettings
) -> tuple[PreTrainedModel, list[tuple[list[nn.Parameter], float]]]:
    """Return a copy of `base` with adapters from layer `first` on and MP-Heads in layers `heads`, and what learns.

    The task feature of a head is the readout of the query adapter of its layer.
    """
    torch.manual_seed(settings.seed)
    layers = list(range(first, base.config.num_hidden_layers))
    lora = LoraConfig(
        r=settings.rank, lora_alpha=2 * settings.rank, target_modules=["q_proj", "v_proj"], layers_to_transform=layers
    )
    with warnings.catch_warnings():  # peft 0.21 uses a deprecated name of transformers 5
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        model = cast(PreTrainedModel, get_peft_model(copy.deepcopy(base), lora))
    made = wrap(model, heads, _readout, settings.k)
    adapters = [parameter for name, parameter in model.named_parameters() if "lora_" in name]
    for parameter in adapters:
        parameter.requires_grad_(True)
    gates = [head.gate for head in made]
    rest = [parameter for head in made for name, parameter in head.named_parameters() if name != "gate"]
    groups = [(adapters + rest, settings.rate), (gates, settings.gate_rate)]
    return model, [group for group in groups if group[0]]


def _readout(attention: Any) -> LoraFeature:
    query = attention.q_proj
    return LoraFeature(query.lora_A["default"].weight, query.lora_B["default"].weight)


class Taken(nn.Module):
    """The loss of a batch of training tasks; the model is no child, so that checkpoints hold only what learns."""

    def __init__(
        self, model: PreTrainedModel, learnt: Sequence[nn.Parameter], tasks: Sequence[Asked], first: int
    ) -> None:
        super().__init__()
        self.learnt = nn.ParameterList(learnt)
        self._model, self._tasks, self._first = (model,), tasks, first

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss `taken`: the mean negative log-likelihood of the tokens of what was taken."""
        (model,) = self._model
        rows = batch["rows"].tolist()
        size = at_once(model)
        means = [self._means(model, rows[start : start + size]) for start in range(0, len(rows), size)]
        return {"taken": -torch.cat(means).mean()}

    def _means(self, model: PreTrainedModel, rows: Sequence[int]) -> Tensor:
        batch, states = batch_of(model, [self._tasks[row] for row in rows], self._first)
        return candidate_means(batch, token_scores(model, batch, states, self._first))


def tune(
    model: PreTrainedModel,
    groups: list[tuple[list[nn.Parameter], float]],
    tasks: Sequence[Asked],
    first: int,
    settings: TuningSettings,
    checkpoint: Path | None = None,
    progress: Progress = lambda step: None,
) -> Curve:
    """Train in place on tasks of one candidate each and return the curve; a killed run resumes."""
    learnt = [parameter for group, _ in groups for parameter in group]
    objective = Taken(model, learnt, tasks, first)

    def draw(step: int) -> Batch:
        rows = rows_of_step(settings.seed, step, len(tasks), settings.batch)
        return {"rows": torch.from_numpy(rows.astype(np.int64))}

    model.train()
    curve = fit(objective, groups, draw, Schedule(settings.steps, 25), checkpoint, progress)
    model.eval()
    return curve
