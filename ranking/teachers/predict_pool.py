"""Computes a teacher's logits of a pool of pairs: in batches of similar length, into a memory map, resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from text_model.distributed import world
from text_model.resumable_array import fill
from text_model.training import Progress

CHUNK = 4_096  # pairs per checkpoint
_BATCH = 64

#: (rows of page 1, rows of page 2) -> logits (rows, outputs).
PairLogits = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


def predict_pool(
    path: Path, page1: NDArray[np.int64], page2: NDArray[np.int64], outputs: int,
    lengths: NDArray[np.int64], logits: PairLogits, progress: Progress,
) -> NDArray[np.float32]:  # fmt: skip
    """Write each pair's logits to `path` (.npy) and return them memory-mapped, (pairs, outputs) float32.

    `lengths` are tokens per page. Pairs are processed in order of length, so that batches need little padding;
    each process does a part. A killed run is resumed.
    """
    order = np.argsort(lengths[page1] + lengths[page2], kind="stable")
    chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]

    def write(array: NDArray[np.float32], chunk: NDArray[np.intp]) -> None:
        for start in range(0, len(chunk), _BATCH):
            rows = chunk[start : start + _BATCH]
            array[rows] = logits(page1[rows], page2[rows])

    return fill(path, (len(order), outputs), np.float32, chunks, write, progress, world())
