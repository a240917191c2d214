"""Checks that what serves is what was trained: torch against ONNX, float32 against int8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

FLOAT_TOLERANCE = 1e-4
INT8_SPEARMAN = 0.98
ENOUGH_TO_RANK = 100  # pairs; the order of fewer turns on the two that stand closest
INT8_NOISE = 0.2  # of the deviation of a head's scores: so much leaves a correlation of 0.98
LEAST_DEVIATION = 0.25  # of scores; where pairs are more alike than that, their order says nothing
HEADS = ("click", "quality")

#: Click and quality of the same pairs.
Scores = tuple[NDArray[np.float32], NDArray[np.float32]]


class ParityError(RuntimeError):
    """An exported model that does not say what the trained one says."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the exported models are from the trained one, over the same pairs."""

    pairs: int
    float_difference: float  # largest absolute difference of any score
    int8_click: float  # Spearman rank correlation with float32; NaN where either says the same of all pairs
    int8_quality: float
    click_noise: float = math.inf  # deviation of the difference from float32, in deviations of the scores
    quality_noise: float = math.inf

    def check(self, heads: Sequence[str] = HEADS) -> None:
        """Raise ParityError when a bound is broken; a figure that is no number keeps none.

        `heads` are those that were taught: int8 may order what an untaught one says as it likes.
        """
        if not self.float_difference <= FLOAT_TOLERANCE:
            raise ParityError(f"ONNX differs from torch by {self.float_difference:.1e}; {FLOAT_TOLERANCE} is allowed")
        figures = ((self.int8_click, self.click_noise), (self.int8_quality, self.quality_noise))
        for head, (correlation, noise) in zip(HEADS, figures, strict=True):
            if head not in heads or noise <= INT8_NOISE:
                continue
            if self.pairs < ENOUGH_TO_RANK:
                problem = f"differ from float32 by {noise:.2f} of their deviation; {INT8_NOISE} is allowed"
            elif not correlation >= INT8_SPEARMAN:
                problem = f"correlate {correlation:.4f} with float32; {INT8_SPEARMAN} is needed"
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
    """Return how far the scores differ; what all of them differ by changes no order, and is none."""
    return float(np.std(exact - int8, dtype=np.float64) / max(float(exact.std()), LEAST_DEVIATION))
