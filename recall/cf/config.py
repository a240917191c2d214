"""The build's tunables of CF."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CfConfig:
    """Tunables of the factorisation."""

    dimension: int = 64
    regularization: float = 0.05
    confidence: float = 10.0  # weight of an edge is confidence · log(1 + near)
    iterations: int = 10
