"""Fits the weights of a mixture to held-out targets by EM: how well does each component foretell them?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 200
_STILL = 1e-5  # EM ends when no weight moves further
_LEAST = 1e-12


def fit(
    shares: NDArray[np.float64], gain: NDArray[np.float64], prior: float = 0.0, rounds: int = _ROUNDS
) -> NDArray[np.float64]:
    """Return the weights, with sum 1, that make held-out targets most likely.

    `shares` is (targets, components): the probability that each component gives to a target; `gain` is how much each
    target counts. `prior` is added to the counts of all components together, evenly.
    """
    components = shares.shape[1]
    weights: NDArray[np.float64] = np.full(components, 1 / components)
    for _ in range(rounds):
        joint = shares * weights
        explained = joint.sum(1, keepdims=True)
        counts = (gain[:, None] * joint / np.maximum(explained, _LEAST)).sum(0) + prior / components
        if counts.sum() == 0:
            return weights
        moved: NDArray[np.float64] = counts / counts.sum()
        if np.abs(moved - weights).max() < _STILL:
            return moved
        weights = moved
    return weights
