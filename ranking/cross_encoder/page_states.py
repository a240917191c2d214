"""The cross-encoder's lower-layer states of the bundle's pages, computed in the build instead of per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from ranking.cross_encoder.page_model import PageModel, Tokens
from ranking.cross_encoder.state_codes import PlainStates, StateCodes
from text_model.resumable_array import fill
from text_model.session import OnnxModel
from text_model.tokens import Marks, runs

STATES, STARTS, KEYS = "page_states.npy", "page_states.starts.npy", "page_states.keys.npy"
COLUMNS = "page_states.columns.npy"  # how the states are packed; without it they are in half precision
_CHUNK = 1_024  # pages per checkpoint
_FITTED = 512  # pages
_FEWEST = 64  # to fit codes on: with ten pages scores correlate by .9999 with exact ones, with two by .93


class PageStates:
    """Memory-mapped states by a page's token ids; safe to call from several threads."""

    def __init__(self, directory: Path) -> None:
        """Open what `write` wrote; hashes must have been checked. Raises ValueError for arrays of different builds."""
        self._states = np.asarray(np.load(directory / STATES, mmap_mode="r"))  # slices of a memmap take longer
        self._starts: NDArray[np.int64] = np.load(directory / STARTS)
        self._keys: NDArray[np.uint64] = np.load(directory / KEYS)
        if len(self._starts) != len(self._keys) + 1 or self._starts[-1] != len(self._states):
            raise ValueError(f"{STATES}, {STARTS} and {KEYS} are not from the same build")
        packed = (directory / COLUMNS).is_file()
        self.codes = StateCodes.load(directory / COLUMNS) if packed else None  # None: half precision

    def __len__(self) -> int:
        return len(self._keys)

    def get_many(self, tokens: Sequence[bytes]) -> list[NDArray[Any] | None]:
        """Return each page's packed states by the bytes of its ids; None if not stored."""
        keys = np.array([xxhash.xxh3_64_intdigest(page) for page in tokens], np.uint64)
        if not len(self):
            return [None] * len(keys)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        known = (self._keys[places] == keys).tolist()
        bounds = zip(known, self._starts[places].tolist(), self._starts[places + 1].tolist(), strict=True)
        return [self._states[start:end] if found else None for found, start, end in bounds]


def write(
    directory: Path,
    pages: Sequence[Tokens],
    model: OnnxModel,
    marks: Marks,
    most_bytes: int,
    progress: Callable[[int], object],
) -> int:
    """Write the states of as many `pages`, in this order, as fit into `most_bytes`; return how many.

    Those of a model with own rows are packed (`state_codes.py`). A killed run is resumed.
    """
    reader = PageModel(model, marks)
    form = _form(reader, pages)
    row_bytes = form.width * np.dtype(form.dtype).itemsize
    chosen = _that_fit(pages, most_bytes // row_bytes, lambda page: form.rows(reader.rows(page)))
    keys = np.array(sorted(chosen), np.uint64)
    lengths = [form.rows(reader.rows(chosen[key])) for key in keys.tolist()]
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    by_length = np.argsort([len(chosen[key]) for key in keys.tolist()], kind="stable")
    chunks = [by_length[first : first + _CHUNK] for first in range(0, len(keys), _CHUNK)]

    def read(states: NDArray[Any], chunk: NDArray[np.intp]) -> None:
        for part in runs([len(chosen[int(keys[row])]) for row in chunk]):
            rows = chunk[part].tolist()
            for row, page in zip(rows, reader.run([chosen[int(keys[row])] for row in rows]), strict=True):
                states[starts[row] : starts[row + 1]] = form.pack(page)

    fill(directory / STATES, (int(starts[-1]), form.width), form.dtype, chunks, read, progress)
    if isinstance(form, StateCodes) and len(keys):
        form.save(directory / COLUMNS)
    for name, array in ((STARTS, starts), (KEYS, keys)):
        np.save(directory / name, array)
    return len(keys)


def _that_fit(pages: Sequence[Tokens], most_rows: int, rows: Callable[[Tokens], int]) -> dict[int, Tokens]:
    """Return the first pages whose states fit, by key; pages with the same tokens share one entry."""
    chosen: dict[int, Tokens] = {}
    left = most_rows
    for page in pages:
        key = xxhash.xxh3_64_intdigest(page.tobytes())
        if key not in chosen:
            left -= rows(page)
            if left < 0:
                break
            chosen[key] = page
    return chosen


def _form(reader: PageModel, pages: Sequence[Tokens]) -> StateCodes | PlainStates:
    """Return codes fitted on the first pages that have tokens; half precision where they are too few to know."""
    different = {page.tobytes(): page for page in pages[:_FITTED] if len(page)}
    if not reader.own or len(different) < _FEWEST:
        return PlainStates(reader.width, reader.own)
    ascending = sorted(different.values(), key=len)
    parts = [ascending[part] for part in runs([len(page) for page in ascending])]
    return StateCodes.fitted([states for part in parts for states in reader.run(part)])
