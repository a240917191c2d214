"""How long a model trains: as long as the log has something to teach, and held-out pages gain from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from text_model.distributed import World

_ENOUGH_PAGES = 100  # with fewer, a few held-out pages would decide
_MOST = 200  # pages that are held out
_CHECKS, _APART = 20, 10  # in a whole training; steps between two, as a check costs as much as a step
_PATIENCE = 4  # checks without a lower loss

Batch = Mapping[str, Any]
Evaluate = Callable[[Batch], Mapping[str, Tensor]]


def steps(limit: int, per_step: int, pages: int, visits: float) -> int:
    """Return the steps of `per_step` examples in which each of `pages` is drawn `visits` times; at most `limit`."""
    return min(limit, math.ceil(visits * pages / per_step))


def held_out_pages(share: float, *pages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a share of the pages (rows of the page table), whose examples training must not see; none of few pages.

    Each of `pages` holds the first pages of one kind of examples.
    """
    known = np.unique(np.concatenate(pages)) if pages else np.empty(0, np.int64)
    if len(known) < _ENOUGH_PAGES:
        return known[:0]
    chosen = np.random.default_rng(0).permutation(len(known))[: min(_MOST, int(len(known) * share))]
    return np.sort(known[chosen])


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Batches that training does not see; when their loss has stopped falling, training ends."""

    draw: Callable[[int], Batch]  # a batch by its number
    batches: int

    def loss(self, objective: nn.Module, evaluate: Evaluate, here: World) -> float:
        """Return the mean loss, the same in every process, without dropout."""
        modes = [(module, module.training) for module in objective.modules()]
        objective.eval()
        with torch.no_grad():
            parts = [torch.stack(list(evaluate(self.draw(number)).values())).sum() for number in range(self.batches)]
        for module, mode in modes:
            module.training = mode
        mean = torch.stack(parts).mean().cpu()
        if here.size > 1:
            distributed.all_reduce(mean)
        return float(mean)


@dataclass(slots=True)
class Best:
    """The held-out losses so far, and the weights that had the lowest."""

    losses: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the loss has not fallen for some checks."""
        return len(self.losses) > 0 and len(self.losses) - 1 - int(np.argmin(self.losses)) >= _PATIENCE

    def add(self, loss: float, trainable: Mapping[str, Tensor]) -> None:
        """Record a check."""
        self.losses.append(loss)
        if int(np.argmin(self.losses)) == len(self.losses) - 1:
            self.weights = {name: value.detach().clone().contiguous() for name, value in trainable.items()}

    def restore(self, objective: nn.Module) -> None:
        """Give the module the weights with the lowest loss."""
        for name, parameter in objective.named_parameters():
            if name in self.weights:
                parameter.data.copy_(self.weights[name])


def due(done: int, total: int) -> bool:
    """Return whether held-out pages are checked after `done` of `total` steps."""
    return done == total or done % max(_APART, total // _CHECKS) == 0


def trainable(objective: nn.Module, groups: Sequence[tuple[list[nn.Parameter], float]]) -> dict[str, Tensor]:
    """Return the parameters of the groups by name."""
    wanted = {id(parameter) for part, _ in groups for parameter in part}
    return {name: parameter for name, parameter in objective.named_parameters() if id(parameter) in wanted}
