"""Checks that the exported model matches the trained one: torch against ONNX, float32 against int8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

FLOAT_TOLERANCE = 1e-4
INT8_SPEARMAN = 0.98
ENOUGH_TO_RANK = 100  # pairs; with fewer, the rank correlation hangs on the two closest scores
INT8_NOISE = 0.2  # in standard deviations of a head's scores; corresponds to a correlation of 0.98
MIN_DEVIATION = 0.25  # of scores; if they vary less, their order means nothing
HEADS = ("click", "quality")

#: Click and quality of the same pairs.
Scores = tuple[NDArray[np.float32], NDArray[np.float32]]


class ParityError(RuntimeError):
    """An exported model does not match the trained one."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the exported models are from the trained one, over the same pairs."""

    pairs: int
    float_difference: float  # largest absolute difference of any score
    int8_click: float  # Spearman rank correlation with float32; NaN if either scores all pairs the same
    int8_quality: float
    click_noise: float = math.inf  # standard deviation of the difference from float32, in those of the scores
    quality_noise: float = math.inf

    def check(self, heads: Sequence[str] = HEADS) -> None:
        """Raise ParityError when a bound is exceeded; NaN exceeds every bound.

        `heads` are the trained ones: the order of an untrained head's scores does not matter.
        """
        if not self.float_difference <= FLOAT_TOLERANCE:
            raise ParityError(f"ONNX differs from torch by {self.float_difference:.1e}; {FLOAT_TOLERANCE} is allowed")
        figures = ((self.int8_click, self.click_noise), (self.int8_quality, self.quality_noise))
        for head, (correlation, noise) in zip(HEADS, figures, strict=True):
            if head not in heads or noise <= INT8_NOISE:
                continue
            if self.pairs < ENOUGH_TO_RANK:
                problem = f"differ from float32 by {noise:.2f} standard deviations; {INT8_NOISE} is allowed"
            elif not correlation >= INT8_SPEARMAN:
                problem = f"have a rank correlation of {correlation:.4f} with float32; {INT8_SPEARMAN} is required"
            else:
                continue
            raise ParityError(f"int8 {head} scores {problem}")


def measure(trained: Scores, float_model: Scores, int8_model: Scores) -> Parity:
    """Compare three models' scores of the same pairs; `trained` may have scored only the first of them."""
    exact = [one[: len(other)] for one, other in zip(float_model, trained, strict=True)]
    difference = max(float(np.abs(a - b).max()) for a, b in zip(trained, exact, strict=True))
    heads = list(zip(float_model, int8_model, strict=True))
    correlations, noises = ([compared(*head) for head in heads] for compared in (_correlation, _noise))
    return Parity(len(float_model[0]), difference, *correlations, *noises)


def _correlation(exact: NDArray[np.float32], int8: NDArray[np.float32]) -> float:
    varied = len(exact) > 1 and np.ptp(exact) > 0 and np.ptp(int8) > 0
    return float(spearmanr(exact, int8).statistic) if varied else math.nan


def _noise(exact: NDArray[np.float32], int8: NDArray[np.float32]) -> float:
    """Return how much the scores differ; a difference common to all changes no order and does not count."""
    return float(np.std(exact - int8, dtype=np.float64) / max(float(exact.std()), MIN_DEVIATION))
