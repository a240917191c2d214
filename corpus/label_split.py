"""Splits pages into train, validation and test: labels of held-out pages are never trained on.

The split depends only on PageId and share, so that the build and the evaluation agree on it.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / the golden ratio: spreads nearby ids


class Role(IntEnum):
    """What the labels of a page (as URL1) are used for."""

    TRAINING = 0
    VALIDATION = 1  # for choosing hyperparameters such as λ
    TEST = 2  # for the reported metrics


def roles(pages: NDArray[np.uint64], held_out_share: float) -> NDArray[np.int8]:
    """Return the Role of each PageId: half of `held_out_share` of them is validation, half is test."""
    place = ((pages * _SPREAD) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (place < held_out_share).astype(np.int8) + (place < held_out_share / 2).astype(np.int8)


def is_training(pages: NDArray[np.uint64], held_out_share: float) -> NDArray[np.bool_]:
    """Return whether the labels of each page may be trained on."""
    found: NDArray[np.bool_] = roles(pages, held_out_share) == Role.TRAINING
    return found
