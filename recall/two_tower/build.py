"""Builds the two-tower artifacts: trained towers in ONNX, the page index and the stored query vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from recall import ann
from recall.two_tower.train import Head, Tower
from text_model.export import export, quantize
from text_model.session import OnnxModel
from text_model.tokens import single_inputs
from text_model.training import Progress

_BATCH = 64


def embed(
    model: OnnxModel, tokens: Sequence[NDArray[np.uint32]], cls: int, sep: int, progress: Progress
) -> NDArray[np.float32]:
    """Return one vector a page, (pages, width) float32, zeros for one without tokens; like lengths share a batch."""
    order = np.argsort([len(t) for t in tokens], kind="stable")
    parts = []
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        parts.append(model.run(single_inputs([tokens[row] for row in rows], cls, sep))[0])
        progress(start + len(rows))
    vectors = np.concatenate(parts)
    result = np.empty_like(vectors)
    result[order] = vectors
    result[[len(t) == 0 for t in tokens]] = 0.0  # to an encoder all such pages would be alike
    return result


def export_tower(encoder: PreTrainedModel, head: Head | None, path: Path) -> None:
    """Write a tower as an int8 ONNX file: the same file embeds all pages now and unseen pages online."""
    float_path = path.with_suffix(".float.onnx")
    export(Tower(encoder, head), float_path, ["vector"])
    quantize(float_path, path)
    float_path.unlink()


def apply_head(head: Head, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors (rows, dimension) of stored embeddings."""
    with torch.inference_mode():
        return head(torch.from_numpy(embeddings)).numpy()


def write(
    out: Path, pages: NDArray[np.uint64], embeddings: NDArray[np.float32], query_head: Head, page_head: Head
) -> ann.AnnIndex:
    """Write `pages.faiss` (page tower) and `queries.npy` (query tower, float16, rows as the index's pages)."""
    read = np.abs(embeddings).max(axis=1, keepdims=True) > 0  # a head makes a vector of nothing too
    index = ann.build(pages, apply_head(page_head, embeddings) * read)
    index.save(out / "pages")
    rows = np.searchsorted(pages, index.pages)
    np.save(out / "queries.npy", apply_head(query_head, embeddings)[rows].astype(np.float16))
    return index
