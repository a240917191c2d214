"""Scores a pool of pairs with a teacher: batches of similar length, written to a resumable memory-mapped file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from text_model.distributed import world
from text_model.resumable_array import fill
from text_model.training import Progress

CHUNK = 4_096  # pairs between two notes of what is done
_BATCH = 64

#: (rows of page 1, rows of page 2) -> logits (rows, outputs).
PairLogits = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


def predict_pool(
    path: Path, page1: NDArray[np.int64], page2: NDArray[np.int64], outputs: int,
    lengths: NDArray[np.int64], logits: PairLogits, progress: Progress,
) -> NDArray[np.float32]:  # fmt: skip
    """Write each pair's logits to `path` (.npy) and return them memory-mapped, (pairs, outputs) float32.

    `lengths` are tokens a page. Pairs are scored in order of their length, so that a batch needs little padding;
    each process scores a part. A killed run resumes from its finished chunks.
    """
    order = np.argsort(lengths[page1] + lengths[page2], kind="stable")
    chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]

    def write(predictions: NDArray[np.float32], chunk: NDArray[np.intp]) -> None:
        for start in range(0, len(chunk), _BATCH):
            rows = chunk[start : start + _BATCH]
            predictions[rows] = logits(page1[rows], page2[rows])

    return fill(path, (len(order), outputs), np.float32, chunks, write, progress, world())
