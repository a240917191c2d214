"""The step over words: tokens, embeddings, text neighbours, and the vectors that the rubric compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.page_tokens import tokenize
from pipeline.progress import progress
from pipeline.work import Work
from ranking.quality.likeness import TextVectors
from recall import ann
from recall.two_tower import build as towers
from text_model.base import load_encoder
from text_model.filled import clear
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, title_and_rest

_PARTS = ("titles", "snippets")


def text(work: Work) -> dict[str, object]:
    """Tokenize and embed the pages, find the pages that read alike, and embed titles and snippets for the judge.

    What a killed run has embedded is not embedded again.
    """
    config, out = work.config.text, work.directory
    tokenizer, ids = tokenize(work, config.base, config.tokens_per_page, out)
    towers.export_tower(load_encoder(config.base), None, out / "encoder.onnx")
    encoder = OnnxModel(out / "encoder.onnx")
    with progress("embedding pages", len(ids)) as advance:
        vectors = towers.embed(encoder, ids, tokenizer.cls, tokenizer.sep, advance, out / "embeddings.npy")
    table = pq.read_table(work.of("read") / "pages.parquet", columns=["page", "url", "title", "snippet"])
    judge_tokenizer = PageTokenizer(out / "tokenizer.json", config.judged_tokens)
    texts = (table[name].to_pylist() for name in ("url", "title", "snippet"))
    _judged_vectors(encoder, judge_tokenizer, *judge_tokenizer.encode(*texts), out).save(out / "judged.npy")
    pages = table["page"].to_numpy()
    index = ann.build(pages, vectors)
    page, neighbour, weight = ann.neighbour_weights(index, vectors, config.neighbours, config.sharpness)
    pq.write_table(pa.table({"page": page, "neighbour": neighbour, "weight": weight}), out / "neighbours.parquet")
    for name in _PARTS:
        clear(out / f"{name}.npy")
    return {"pages": len(ids), "mean_tokens": round(float(np.mean([len(row) for row in ids])), 1)}


def _judged_vectors(
    encoder: OnnxModel, tokenizer: PageTokenizer, ids: list[NDArray[np.uint32]], titles: NDArray[np.uint16], out: Path
) -> TextVectors:
    parts = []
    for name, part in zip(_PARTS, title_and_rest(ids, titles), strict=True):
        with progress(f"embedding {name}", len(part)) as advance:
            parts.append(towers.embed(encoder, part, tokenizer.cls, tokenizer.sep, advance, out / f"{name}.npy"))
    return TextVectors(*parts)
