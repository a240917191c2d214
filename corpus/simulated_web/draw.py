"""Counter-based random numbers: they depend on their keys, not on draw order, so a page gets the same in any chunk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)


def bits(seed: int, stream: int, *keys: NDArray[np.integer] | int) -> NDArray[np.uint64]:
    """Return 64 random bits for each (broadcast) tuple of keys; one round of splitmix64 per key."""
    state = np.array([seed * 1_000_003 + stream], np.uint64)
    for key in keys:
        state = _mixed(state + np.asarray(key).astype(np.uint64) * _STEP)
    return state


def uniform(seed: int, stream: int, *keys: NDArray[np.integer] | int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each tuple of keys."""
    return (bits(seed, stream, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(count: int, seed: int, stream: int, *keys: NDArray[np.integer] | int) -> NDArray[np.int64]:
    """Return a whole number in [0, count) for each tuple of keys."""
    return (uniform(seed, stream, *keys) * count).astype(np.int64)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
