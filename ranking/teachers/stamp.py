"""Stamps a pool of pairs with a teacher's logits: in batches of like length, into a memory-mapped file, resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from text_model.parallel import world
from text_model.training import Progress

CHUNK = 4_096  # pairs between two notes of what is done
_BATCH = 64

#: (rows of page 1, rows of page 2) -> logits (rows, outputs).
PairLogits = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


def stamp(
    path: Path, page1: NDArray[np.int64], page2: NDArray[np.int64], outputs: int,
    lengths: NDArray[np.int64], logits: PairLogits, progress: Progress,
) -> NDArray[np.float32]:  # fmt: skip
    """Write each pair's logits to `path` (.npy) and return them memory-mapped, (pairs, outputs) float32.

    `lengths` are tokens a page. Pairs are stamped in order of their length, so that a batch needs little padding;
    each process stamps a part. What a killed run has stamped is not stamped again.
    """
    here, finished = world(), path.with_suffix(".done")
    if finished.is_file():
        return np.lib.format.open_memmap(path, mode="r")
    order = np.argsort(lengths[page1] + lengths[page2], kind="stable")
    chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]
    if here.main and not path.is_file():
        _create(path, (len(order), outputs))
    here.wait()
    stamped = np.lib.format.open_memmap(path, mode="r+")
    for number in range(here.rank, len(chunks), here.size):
        done = path.with_suffix(f".{number}.done")
        if not done.is_file():
            _stamp_chunk(stamped, chunks[number], page1, page2, logits)
            stamped.flush()
            done.touch()
        progress(min((number + 1) * CHUNK, len(order)))
    here.wait()
    if here.main:
        finished.touch()
        for done in path.parent.glob(f"{path.stem}.*.done"):
            done.unlink()
    here.wait()
    return stamped


def _create(path: Path, shape: tuple[int, int]) -> None:
    beside = path.with_suffix(".writing")
    with beside.open("wb") as file:  # written out: on a full disk, a hole in a mapped file kills whoever writes into it
        np.save(file, np.zeros(shape, np.float32))
    beside.rename(path)


def _stamp_chunk(
    stamped: NDArray[np.float32], chunk: NDArray[np.int64], page1: NDArray[np.int64], page2: NDArray[np.int64],
    logits: PairLogits,
) -> None:  # fmt: skip
    for start in range(0, len(chunk), _BATCH):
        rows = chunk[start : start + _BATCH]
        stamped[rows] = logits(page1[rows], page2[rows])
