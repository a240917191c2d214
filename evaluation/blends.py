"""Strategies to blend clicks with quality, each with one parameter to sweep (section 4.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates
from ranking.blend import QUALITY_WEIGHT, Blend

Scores = NDArray[np.float32]

#: (μ and σ, candidates with columns `stage2` and `quality`, parameter) -> one score per row.
Strategy = Callable[[Blend, Candidates, float], Scores]

_MIDDLE = 2.0  # of quality, 0 to 4
_PENALTY = 100.0  # in standard deviations: ranks below everything else


def linear(blend: Blend, scored: Candidates, weight: float) -> Scores:
    """Return (1 - λ)·z(stage 2) + λ·z(quality)."""
    clicks, quality = _z(blend, scored)
    return _mixed(clicks, quality, np.full(len(scored), weight))


def dynamic(blend: Blend, scored: Candidates, weight: float) -> Scores:
    """Return the linear blend whose weight is λ·|quality - 2| / 2: it matters where it is clearly good or bad."""
    clicks, quality = _z(blend, scored)
    return _mixed(clicks, quality, weight * np.abs(scored["quality"] - _MIDDLE) / _MIDDLE)


def piecewise(blend: Blend, scored: Candidates, threshold: float) -> Scores:
    """Return z(stage 2), ranking every page with quality below `threshold` last."""
    clicks, _ = _z(blend, scored)
    return (clicks - _PENALTY * (scored["quality"] < threshold)).astype(np.float32)


#: Strategy -> the parameters to sweep, from clicks only to (nearly) quality only.
SWEPT: Mapping[str, tuple[Strategy, tuple[float, ...]]] = {
    "linear": (linear, tuple(sorted({*(i / 20 for i in range(21)), QUALITY_WEIGHT}))),
    "dynamic": (dynamic, tuple(i / 10 for i in range(11))),
    "piecewise": (piecewise, tuple(i / 4 for i in range(15))),
}


def _z(blend: Blend, scored: Candidates) -> tuple[Scores, Scores]:
    return blend.stage2.z(scored["stage2"]), blend.quality.z(scored["quality"])


def _mixed(clicks: Scores, quality: Scores, weight: NDArray[np.floating]) -> Scores:
    return ((1.0 - weight) * clicks + weight * quality).astype(np.float32)
