"""One process or many: which of torchrun's processes this is, and on which device it computes."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
from torch import distributed

_LONGEST_STEP = timedelta(days=7)  # the other processes wait while the first one counts a log


@dataclass(frozen=True, slots=True)
class World:
    """The processes of this run; one alone where torchrun did not start it."""

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process writes what all of them made."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            distributed.all_reduce(torch.zeros(1))  # on the CPU: a waiting GPU would spin

    def share(self, rows: int) -> slice:
        """Return this process's part of a batch of `rows`. Raises ValueError for fewer rows than processes."""
        if rows < self.size:
            raise ValueError(f"a batch of {rows} cannot be shared by {self.size} processes: make it larger")
        return slice(self.rank, None, self.size)


@cache
def world() -> World:
    """Return the processes of this run, joined; the device is this process's GPU, or the CPU where there is none."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if size > 1:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_LONGEST_STEP)
        atexit.register(distributed.destroy_process_group)
    return World(int(os.environ.get("RANK", "0")), size, device)
