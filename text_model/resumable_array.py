"""Arrays that take long to compute: filled chunk by chunk in a memory-mapped file; a killed run is resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:  # serving imports this file, but not torch
    from text_model.distributed import World

_ZEROS = 1 << 24  # bytes

#: Writes the rows of a chunk into the array.
Write = Callable[[NDArray, NDArray[np.intp]], None]


def fill(
    path: Path, shape: tuple[int, ...], dtype: DTypeLike, chunks: Sequence[NDArray[np.intp]], write: Write,
    progress: Callable[[int], object], here: World | None = None,
) -> NDArray:  # fmt: skip
    """Fill an array of `shape` at `path` (.npy) by calling `write` on every chunk; return it memory-mapped.

    Each process of `here` fills a part (None: this one fills all). A resumed run skips the chunks that are finished;
    it must be given the same chunks. `progress` is called with the rows done so far. An empty file beside the array
    marks it as complete.
    """
    rank, size = (0, 1) if here is None else (here.rank, here.size)
    finished, wait = path.with_suffix(".done"), _no_wait if here is None else here.wait
    if not finished.is_file():
        if rank == 0 and not path.is_file():
            _create(path, shape, np.dtype(dtype))
        wait()
        _fill(path, chunks, range(rank, len(chunks), size), write, progress)
        wait()
        if rank == 0:
            finished.touch()
    if rank == 0:
        for done in path.parent.glob(f"{path.stem}.*.done"):
            done.unlink()
    wait()
    return np.lib.format.open_memmap(path, mode="r")


def clear(path: Path) -> None:
    """Remove an array and its completion mark."""
    for name in (path.with_suffix(".done"), path):
        name.unlink(missing_ok=True)


def _no_wait() -> None:
    """Return at once: there is no other process."""


def _fill(
    path: Path, chunks: Sequence[NDArray[np.intp]], own: range, write: Write, progress: Callable[[int], object]
) -> None:
    array = np.lib.format.open_memmap(path, mode="r+")
    ends = np.cumsum([len(chunk) for chunk in chunks])
    for number in own:
        done = path.with_suffix(f".{number}.done")
        if not done.is_file():
            write(array, chunks[number])
            array.flush()
            done.touch()
        progress(int(ends[number]))


def _create(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    beside = path.with_suffix(".writing")
    with beside.open("wb") as file:  # not sparse: on a full disk, writing to a hole in a memory map kills the process
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        left = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        while left > 0:
            left -= file.write(bytes(min(_ZEROS, left)))
    beside.rename(path)
