"""Which pages' labels teach, on which λ is chosen, and which report: no label of a page teaches what it is measured by.

A page's role follows from its PageId and the share alone, so that whoever builds and whoever measures agree.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / the golden ratio: what differs little ends far apart


class Role(IntEnum):
    """What the labels of a page (as URL1) are for."""

    TEACHES = 0
    CHOOSES = 1  # what is set by looking at answers, such as λ
    REPORTS = 2


def roles(pages: NDArray[np.uint64], held_out_share: float) -> NDArray[np.int8]:
    """Return the Role of each PageId: of `held_out_share` of them one half chooses and one reports."""
    place = ((pages * _SPREAD) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (place < held_out_share).astype(np.int8) + (place < held_out_share / 2).astype(np.int8)


def teaches(pages: NDArray[np.uint64], held_out_share: float) -> NDArray[np.bool_]:
    """Return whether the labels of each page may be learnt from."""
    found: NDArray[np.bool_] = roles(pages, held_out_share) == Role.TEACHES
    return found
