"""Ends a training after so many minutes, at the same step in every process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import distributed

from text_model.distributed import World


@dataclass(slots=True)
class TimeLimit:
    """The time that a training may take, over all of its resumed runs; 0 minutes are no limit."""

    minutes: float
    spent_s: float = 0.0  # by the runs before this one
    clock: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock()

    @property
    def seconds(self) -> float:
        """The seconds taken so far."""
        return self.spent_s + self.clock() - self._begun

    def share(self, here: World) -> float:
        """Return the share of the time that has passed, the same in every process; 0 without a limit."""
        if not self.minutes:
            return 0.0
        passed = torch.tensor(min(1.0, self.seconds / (60 * self.minutes)))
        if here.size > 1:
            distributed.broadcast(passed, 0)
        return float(passed)
