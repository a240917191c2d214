"""The build's tunables of the two towers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TwoTowerConfig:
    """Tunables of the towers."""

    dimension: int = 128
    temperature: float = 0.05
    head_steps: int = 600  # at most
    head_visits: float = 250.0  # draws per page after which the heads have seen enough
    head_batch: int = 512
    head_rate: float = 1e-3
    encoder_steps: int = 0  # at most; `full` sets this
    encoder_visits: float = 6.0
    encoder_batch: int = 64
    encoder_rate: float = 2e-5
    checkpoint_every: int = 200  # steps of the encoder
