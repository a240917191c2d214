"""Builds the two-tower artifacts: trained towers in ONNX, the page index and the stored query vectors."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from configs.threads import used
from recall import ann
from recall.two_tower.model import Head, Tower
from text_model.base import Encoder
from text_model.export import export, quantize
from text_model.joined_encoder import JoinedEncoder
from text_model.resumable_array import fill
from text_model.session import OnnxModel
from text_model.tokens import Marks, runs, single_inputs

if TYPE_CHECKING:  # embedding pages needs no training code
    from text_model.training import Progress

_CHUNK = 1_024  # pages between two checkpoints


def embed(
    model: OnnxModel,
    tokens: Sequence[NDArray[np.uint32]],
    marks: Marks,
    progress: Progress,
    path: Path | None = None,
) -> NDArray[np.float32]:
    """Return one vector per page, (pages, width) float32, zeros without tokens; batches have similar lengths.

    As many batches are read at a time as there are threads, so the model needs one thread: several that share each
    batch wait for each other. With a `path` (.npy) the vectors are written there in chunks, and a killed run resumes
    from the last one.
    """
    order = np.argsort([len(t) for t in tokens], kind="stable")
    chunks = [order[start : start + _CHUNK] for start in range(0, len(order), _CHUNK)]
    (probe,) = model.run(single_inputs([np.empty(0, np.uint32)], marks))
    shape = (len(order), probe.shape[1])

    def write(vectors: NDArray[np.float32], chunk: NDArray[np.intp]) -> None:
        def read(part: slice) -> None:
            rows = chunk[part]
            vectors[rows] = model.run(single_inputs([tokens[row] for row in rows], marks))[0]

        with ThreadPoolExecutor(used(), "embed") as pool:
            deque(pool.map(read, runs([len(tokens[row]) for row in chunk])), maxlen=0)  # raises what a batch raised
        vectors[[row for row in chunk if len(tokens[row]) == 0]] = 0.0  # else all such pages would be equal

    if path is not None:
        return fill(path, shape, np.float32, chunks, write, progress)
    vectors = np.empty(shape, np.float32)
    for number, chunk in enumerate(chunks, start=1):
        write(vectors, chunk)
        progress(min(number * _CHUNK, len(order)))
    return vectors


def export_tower(encoder: Encoder, head: Head | None, path: Path) -> None:
    """Write a tower as an int8 ONNX file, which embeds all pages offline and unknown pages online."""
    float_path = path.with_suffix(".float.onnx")
    export(Tower(encoder, head), float_path, ["vector"], joined=isinstance(encoder, JoinedEncoder))
    quantize(float_path, path)
    float_path.unlink()


def apply_head(head: Head, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors (rows, dimension) for stored embeddings."""
    with torch.inference_mode():
        return head(torch.from_numpy(embeddings)).numpy()


def write(
    out: Path, pages: NDArray[np.uint64], embeddings: NDArray[np.float32], query_head: Head, page_head: Head
) -> ann.AnnIndex:
    """Write `pages.faiss` (page tower) and `queries.npy` (query tower, float16, in the row order of the index)."""
    read = np.abs(embeddings).max(axis=1, keepdims=True) > 0  # a head maps zeros to some vector too
    queries = apply_head(query_head, embeddings)
    index = ann.build(pages, apply_head(page_head, embeddings) * read, queries)
    index.save(out / "pages")
    rows = np.searchsorted(pages, index.pages)
    np.save(out / "queries.npy", queries[rows].astype(np.float16))
    return index
