"""Page states in a quarter of half precision's bytes: 8 bits a number for a page's own row, 4 for its tokens'.

A page's own row holds what is compared between pages, the tokens' states only what the first token reads of them. Each
column is standardized, since some are far larger than others, and then rounded to the levels that lose least of a
normal distribution (Max, "Quantizing for minimum distortion", 1960). The joint layer reads standardized states.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_model.tokens import padded_length

Codes = NDArray[np.uint8]  # (rows, width / 2): two rows for the own row, then one per token
Floats = NDArray[np.float32]
Padded = tuple[Floats, NDArray[np.int64]]  # states (pages, length, width), and masks (pages, length)

_HALF = (0.1284, 0.3880, 0.6568, 0.9423, 1.2562, 1.6181, 2.0690, 2.7326)
_LEVELS = np.array([*(-level for level in reversed(_HALF)), *_HALF], np.float32)
_BOUNDS = (_LEVELS[1:] + _LEVELS[:-1]) / 2
_BYTE = np.arange(256)
_PAIRS = np.stack([_LEVELS[_BYTE & 15], _LEVELS[_BYTE >> 4]], axis=1).view(np.float64)[:, 0]  # a byte's two numbers
_OWN_STEP = np.float32(1 / 24)  # deviations; 8 bits reach 5.3 of them
_OWN_ROWS = 2  # of codes


class PlainStates:
    """States as they are: half precision changes no score by more than 0.001."""

    def __init__(self, width: int, own: int, dtype: type[np.floating[Any]] = np.float16) -> None:
        """Keep states of pages whose first `own` rows (0 or 1) are their own."""
        self.width = width
        self.dtype: type[np.generic] = dtype
        self.columns = np.repeat(np.array([[0], [1], [0], [1]], np.float32), width, axis=1)
        self._own = own

    def rows(self, states: int) -> int:
        """Return how many rows are stored for a page with so many states."""
        return states

    def pack(self, page: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Return what is stored of a page's states."""
        return page.astype(self.dtype)

    def padded(self, pages: Sequence[NDArray[Any]]) -> Padded:
        """Return the states of packed pages, padded with 0, and masks."""
        lengths = [len(page) for page in pages]
        most = self._own + padded_length(max(lengths) - self._own)
        states = np.zeros((len(pages), most, self.width), np.float32)
        for place, page in enumerate(pages):
            states[place, : len(page)] = page
        return states, _masks(lengths, most)


class StateCodes:
    """Packs states (rows, width), the page's own row first, as codes; the width is even."""

    dtype: type[np.generic] = np.uint8

    def __init__(self, columns: Floats) -> None:
        """Take the means and deviations of the columns of own rows and of tokens' states, (4, width)."""
        self.columns = columns
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
        np.save(path, self.columns)

    def rows(self, states: int) -> int:
        """Return how many rows are stored for a page with so many states."""
        return states - 1 + _OWN_ROWS

    def pack(self, page: Floats) -> Codes:
        """Return the codes of a page's states."""
        own_mean, own_deviation, mean, deviation = self.columns
        own = np.clip(np.rint((page[0] - own_mean) / own_deviation / _OWN_STEP), -127, 127).astype(np.int8)
        levels = np.searchsorted(_BOUNDS, (page[1:] - mean) / deviation).astype(np.uint8)
        return np.concatenate([own.view(np.uint8).reshape(_OWN_ROWS, -1), levels[:, ::2] | levels[:, 1::2] << 4])

    def padded(self, pages: Sequence[Codes]) -> Padded:
        """Return the standardized states of packed pages, and masks; what is padded has any numbers."""
        lengths = [len(page) - _OWN_ROWS + 1 for page in pages]
        most = 1 + padded_length(max(lengths) - 1)
        codes = np.zeros((len(pages), most, self.width), np.uint8)
        for place, page in enumerate(pages):
            codes[place, 1 : lengths[place]] = page[_OWN_ROWS:]
        states: Floats = _PAIRS[codes].view(np.float32)
        own = np.concatenate([page[:_OWN_ROWS] for page in pages]).reshape(len(pages), -1).view(np.int8)
        states[:, 0] = own * _OWN_STEP
        return states, _masks(lengths, most)


def _masks(lengths: Sequence[int], most: int) -> NDArray[np.int64]:
    return (np.arange(most) < np.array(lengths)[:, None]).astype(np.int64)
