"""Distributed runs: which of torchrun's processes this is, and which device it uses."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
from torch import distributed

_LONGEST_STEP = timedelta(days=7)  # the other processes wait while the first one counts a click log


@dataclass(frozen=True, slots=True)
class World:
    """The processes of this run; a single one if it was not started by torchrun."""

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process writes the results of all."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.size > 1:
            distributed.all_reduce(torch.zeros(1))  # on the CPU: a waiting GPU would spin

    def share(self, rows: int) -> slice:
        """Return this process's part of a batch of `rows`. Raises ValueError for fewer rows than processes."""
        if rows < self.size:
            raise ValueError(f"a batch of {rows} cannot be split among {self.size} processes: make it larger")
        return slice(self.rank, None, self.size)


_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Make `world` this process on its CPU: for a model too small to share, in a step that only one process runs."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def world() -> World:
    """Return the processes of this run, after joining their group; the device is this process's GPU, or the CPU.

    Inside `alone`: this process on its CPU, without joining.
    """
    return World(0, 1, torch.device("cpu")) if _ALONE.get() else _joined()


@cache
def _joined() -> World:
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if size > 1:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_LONGEST_STEP)
        atexit.register(distributed.destroy_process_group)
    return World(int(os.environ.get("RANK", "0")), size, device)
