"""The two views of a page that the adapter reads: its title, and what is known of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def joined(titles: NDArray[np.floating], texts: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the adapter's input, (pages, 2 · width) float32, from the encoder's vectors of both views.

    Each view has length 1 and half of the squared length of the whole; a view of zeros (a page without text) stays so.
    """
    halves = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9) for part in (titles, texts)]
    views: NDArray[np.float32] = (np.concatenate(halves, axis=1) / np.sqrt(2)).astype(np.float32)
    return views
