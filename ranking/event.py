"""Training events of the rankers: what readers were shown, and what they chose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Event:
    """One impression, or one page of a session: the pages shown, or visited besides, and how much each was chosen."""

    page: int
    shown: NDArray[np.uint64]
    gain: NDArray[np.float32]  # 1 for a click; more for pages that a session reached soon
    position: NDArray[np.int32] | None  # None for a page of a session, where nothing was shown
    time: np.datetime64 | None = None  # UTC; None for a judged pair, which has no time
    passed: NDArray[np.uint64] | None = None  # pages seen before: neither chosen nor passed over
