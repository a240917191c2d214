"""Page states in a quarter of half precision's bytes: 8 bits a number for a page's own row, 4 for its tokens'.

A page's own row holds what is compared between pages, the tokens' states only what the first token reads of them. Each
column is standardized, since some are far larger than others, and then rounded to the levels that lose least of a
normal distribution (Max, "Quantizing for minimum distortion", 1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]  # (rows, width / 2): two rows for the own row, then one per token
Floats = NDArray[np.float32]

_HALF = (0.1284, 0.3880, 0.6568, 0.9423, 1.2562, 1.6181, 2.0690, 2.7326)
_LEVELS = np.array([*(-level for level in reversed(_HALF)), *_HALF], np.float32)
_BOUNDS = (_LEVELS[1:] + _LEVELS[:-1]) / 2
_BYTE = np.arange(256)
_PAIRS = np.stack([_LEVELS[_BYTE & 15], _LEVELS[_BYTE >> 4]], axis=1)  # the two numbers of a byte
_OWN_STEP = 1 / 24  # deviations; 8 bits reach 5.3 of them
_OWN_ROWS = 2  # of codes


class HalfPrecision:
    """States as they are, in half precision: it changes no score by more than 0.001."""

    dtype: type[np.generic] = np.float16

    def __init__(self, width: int) -> None:
        self.width = width

    def rows(self, states: int) -> int:
        """Return how many rows are stored for a page with so many states."""
        return states

    def pack(self, page: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Return what is stored of a page's states."""
        return page.astype(np.float16)

    def unpack(self, pages: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """Return the states of each page."""
        return pages


class StateCodes:
    """Packs and unpacks states (rows, width), the page's own row first; the width is even."""

    dtype: type[np.generic] = np.uint8

    def __init__(self, columns: Floats) -> None:
        """Take the means and deviations of the columns of own rows and of tokens' states, (4, width)."""
        self._columns = columns
        self.width = columns.shape[1] // 2

    @classmethod
    def fitted(cls, pages: Sequence[Floats]) -> StateCodes:
        """Return the codes for pages like these."""
        parts = np.stack([page[0] for page in pages]), np.concatenate([page[1:] for page in pages])
        columns = [row for part in parts for row in (part.mean(0), np.maximum(part.std(0), 1e-6))]
        return cls(np.stack(columns).astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> StateCodes:
        """Open what `save` wrote."""
        return cls(np.load(path))

    def save(self, path: Path) -> None:
        """Write the columns' means and deviations (.npy)."""
        np.save(path, self._columns)

    def rows(self, states: int) -> int:
        """Return how many rows are stored for a page with so many states."""
        return states - 1 + _OWN_ROWS

    def pack(self, page: Floats) -> Codes:
        """Return the codes of a page's states."""
        own_mean, own_deviation, mean, deviation = self._columns
        own = np.clip(np.rint((page[0] - own_mean) / own_deviation / _OWN_STEP), -127, 127).astype(np.int8)
        levels = np.searchsorted(_BOUNDS, (page[1:] - mean) / deviation).astype(np.uint8)
        return np.concatenate([own.view(np.uint8).reshape(_OWN_ROWS, -1), levels[:, ::2] | levels[:, 1::2] << 4])

    def unpack(self, pages: Sequence[Codes]) -> list[Floats]:
        """Return the states of each page; all in one call, since numpy's calls take longer than their work."""
        own_mean, own_deviation, mean, deviation = self._columns
        own = np.concatenate([page[:_OWN_ROWS].reshape(1, -1) for page in pages]).view(np.int8)
        states = np.take(_PAIRS, np.concatenate([page[_OWN_ROWS - 1 :] for page in pages]), axis=0)
        states = states.reshape(len(states), len(mean))
        states *= deviation
        states += mean
        ends = np.cumsum([len(page) - _OWN_ROWS + 1 for page in pages])
        starts = np.concatenate([[0], ends[:-1]])
        states[starts] = own * (own_deviation * np.float32(_OWN_STEP)) + own_mean
        return np.split(states, ends[:-1])
