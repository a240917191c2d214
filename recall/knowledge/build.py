"""Builds the artifacts of the path: views of all pages, the adapter in ONNX, and the index of adapted vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recall import ann
from recall.knowledge.model import Adapter
from recall.knowledge.views import joined
from recall.knowledge.written import batch_of, chunks
from recall.two_tower.build import embed
from text_model.export import export_of
from text_model.resumable_array import fill
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, single_inputs, title_and_rest

TOLERANCE = 1e-4  # largest difference of a number of a unit vector, torch against ONNX
_AT_ONCE = 8_192  # pages that are adapted at a time
_CHECKED = 64  # pages


class ParityError(RuntimeError):
    """The exported adapter does not match the trained one."""


def views(
    texts: Path, encoder: OnnxModel, tokenizer: PageTokenizer, path: Path, progress: Callable[[int], object]
) -> NDArray[np.float16]:
    """Return the adapter's inputs of all pages, (pages, 2 · width) float16, memory-mapped; zeros without tokens.

    They are written to `path` (.npy) batch by batch; a killed run resumes from the last one.
    """
    rows = chunks(texts)
    number = {int(chunk[0]): place for place, chunk in enumerate(rows)}
    width = encoder.run(single_inputs([np.empty(0, np.uint32)], tokenizer.marks))[0].shape[1]

    def write(array: NDArray[np.float16], chunk: NDArray[np.intp]) -> None:
        batch = batch_of(texts, number[int(chunk[0])])
        tokens, titles = tokenizer.encode(batch["url"], batch["title"], batch["text"])
        parts = title_and_rest(tokens, titles)
        array[chunk] = joined(*(embed(encoder, part, tokenizer.marks, lambda done: None) for part in parts))

    return fill(path, (int(rows[-1][-1]) + 1, 2 * width), np.float16, rows, write, progress)


def adapted(adapter: Adapter, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the adapted unit vectors of pages, (pages, dimension); zeros where the embedding is zero."""
    parts = [np.empty((0, adapter.projection.out_features), np.float32)]
    for start in range(0, len(embeddings), _AT_ONCE):
        part = np.asarray(embeddings[start : start + _AT_ONCE], np.float32)
        with torch.inference_mode():
            parts.append(adapter(torch.from_numpy(part)).numpy() * part.any(axis=1, keepdims=True))
    return np.concatenate(parts)


def write(out: Path, pages: NDArray[np.uint64], embeddings: NDArray[np.floating], adapter: Adapter) -> ann.AnnIndex:
    """Write `adapter.onnx`, checked against torch, and the index of the pages' vectors. Raises ParityError."""
    vectors = adapted(adapter, embeddings)
    sample = np.asarray(embeddings[:_CHECKED], np.float32)
    export_of(
        adapter, out / "adapter.onnx", {"embeddings": torch.from_numpy(sample)}, ["vector"],
        {"embeddings": {0: "rows"}, "vector": {0: "rows"}},
    )  # fmt: skip
    exported = OnnxModel(out / "adapter.onnx").run({"embeddings": sample})[0]
    read = sample.any(axis=1)
    difference = float(np.abs(exported[read] - vectors[:_CHECKED][read]).max(initial=0))
    if not difference <= TOLERANCE:
        raise ParityError(f"ONNX differs from torch by {difference:.1e}; {TOLERANCE} is allowed")
    index = ann.build(pages, vectors)
    index.save(out / "pages")
    return index
