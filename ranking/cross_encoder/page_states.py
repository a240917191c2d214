"""The cross-encoder's lower-layer states of the bundle's pages, computed in the build instead of per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from ranking.cross_encoder.page_model import PageModel
from text_model.resumable_array import fill
from text_model.session import OnnxModel
from text_model.tokens import Marks

STATES, STARTS, KEYS = "page_states.npy", "page_states.starts.npy", "page_states.keys.npy"
_BATCH = 64
_CHUNK = 16 * _BATCH  # pages per checkpoint


class PageStates:
    """Memory-mapped states by a page's token ids; safe to call from several threads."""

    def __init__(self, directory: Path) -> None:
        """Open what `write` wrote; hashes must have been checked. Raises ValueError for arrays of different builds."""
        self._states: NDArray[np.float16] = np.load(directory / STATES, mmap_mode="r")
        self._starts: NDArray[np.int64] = np.load(directory / STARTS)
        self._keys: NDArray[np.uint64] = np.load(directory / KEYS)
        if len(self._starts) != len(self._keys) + 1 or self._starts[-1] != len(self._states):
            raise ValueError(f"{STATES}, {STARTS} and {KEYS} are not from the same build")

    def __len__(self) -> int:
        return len(self._keys)

    def get_many(self, tokens: Sequence[bytes]) -> list[NDArray[np.float16] | None]:
        """Return each page's states (rows, width) by the bytes of its ids; None if not stored."""
        keys = np.array([xxhash.xxh3_64_intdigest(page) for page in tokens], np.uint64)
        if not len(self):
            return [None] * len(keys)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        bounds = zip(self._starts[places].tolist(), self._starts[places + 1].tolist(), strict=True)
        known = (self._keys[places] == keys).tolist()
        return [self._states[start:end] if known[row] else None for row, (start, end) in enumerate(bounds)]


def write(
    directory: Path,
    pages: Sequence[NDArray[np.uint32]],
    model: OnnxModel,
    marks: Marks,
    most_bytes: int,
    progress: Callable[[int], object],
) -> int:
    """Write the states of as many `pages`, in this order, as fit into `most_bytes`; return how many.

    Half precision changes no score by more than 0.001 (`pairs.py`). A killed run is resumed.
    """
    reader = PageModel(model, marks)
    chosen = _that_fit(pages, most_bytes // (2 * reader.width), reader)
    keys = np.array(sorted(chosen), np.uint64)
    lengths = [reader.rows(chosen[key]) for key in keys.tolist()]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    by_length = np.argsort(lengths, kind="stable")
    chunks = [by_length[first : first + _CHUNK] for first in range(0, len(keys), _CHUNK)]

    def read(states: NDArray[np.float16], chunk: NDArray[np.intp]) -> None:
        for first in range(0, len(chunk), _BATCH):
            rows = chunk[first : first + _BATCH].tolist()
            for row, page in zip(rows, reader.run([chosen[int(keys[row])] for row in rows]), strict=True):
                states[starts[row] : starts[row + 1]] = page

    fill(directory / STATES, (int(starts[-1]), reader.width), np.float16, chunks, read, progress)
    for name, array in ((STARTS, starts), (KEYS, keys)):
        np.save(directory / name, array)
    return len(keys)


def _that_fit(
    pages: Sequence[NDArray[np.uint32]], most_states: int, reader: PageModel
) -> dict[int, NDArray[np.uint32]]:
    """Return the first pages whose states fit, by key; pages with the same tokens share one entry."""
    chosen: dict[int, NDArray[np.uint32]] = {}
    left = most_states
    for page in pages:
        key = xxhash.xxh3_64_intdigest(page.tobytes())
        if key not in chosen:
            left -= reader.rows(page)
            if left < 0:
                break
            chosen[key] = page
    return chosen
