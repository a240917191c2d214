"""Checks that what serves is what was trained: torch against ONNX, float32 against int8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

FLOAT_TOLERANCE = 1e-4
INT8_SPEARMAN = 0.98
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
    int8_click: float  # Spearman rank correlation with float32
    int8_quality: float

    def check(self, heads: Sequence[str] = HEADS) -> None:
        """Raise ParityError when a bound is broken; a figure that is no number keeps none.

        `heads` are those that were taught: int8 may order what an untaught one says as it likes.
        """
        if not self.float_difference <= FLOAT_TOLERANCE:
            raise ParityError(f"ONNX differs from torch by {self.float_difference:.1e}; {FLOAT_TOLERANCE} is allowed")
        for head, value in zip(HEADS, (self.int8_click, self.int8_quality), strict=True):
            if head in heads and not value >= INT8_SPEARMAN:
                raise ParityError(f"int8 {head} scores correlate {value:.4f} with float32; {INT8_SPEARMAN} is needed")


def measure(trained: Scores, float_model: Scores, int8_model: Scores) -> Parity:
    """Compare three models' scores of the same pairs; `trained` may have scored only the first of them."""
    exact = [one[: len(other)] for one, other in zip(float_model, trained, strict=True)]
    difference = max(float(np.abs(a - b).max(initial=0)) for a, b in zip(trained, exact, strict=True))
    click, quality = (
        float(spearmanr(a, b).statistic) if len(a) > 1 else 1.0 for a, b in zip(float_model, int8_model, strict=True)
    )
    return Parity(len(float_model[0]), difference, click, quality)
