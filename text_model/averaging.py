"""Averages the weights of the last steps of a training: less noise than the last weights alone (SWA, Izmailov 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(slots=True)
class Average:
    """The running mean of the trainable weights, by name."""

    share: float = 0.0  # of the steps, the last ones, whose weights are averaged; 0: none
    count: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def add(self, trainable: Mapping[str, Tensor], done: float) -> None:
        """Take in the weights after a share `done` of the training."""
        if done <= 1 - self.share:
            return
        self.count += 1
        if self.count == 1:
            self.weights = {name: value.detach().clone().contiguous() for name, value in trainable.items()}
        else:
            kept = list(self.weights.values())
            torch._foreach_lerp_(kept, [trainable[name].detach() for name in self.weights], 1 / self.count)

    @torch.no_grad()
    def restore(self, objective: nn.Module) -> None:
        """Give the module the mean weights, if there are any."""
        for name, parameter in objective.named_parameters():
            if name in self.weights:
                parameter.data.copy_(self.weights[name])
