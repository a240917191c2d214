"""The step that processes text: tokens, embeddings, text neighbours, and the vectors that the rubric compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.pages.encoder import choose_encoder
from pipeline.pages.page_tokens import tokenize
from pipeline.runner.model_hash import hash_model
from pipeline.runner.progress import console, progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.quality.likeness import TextVectors
from recall import ann
from recall.two_tower import build as towers
from text_model.base import load_encoder
from text_model.joined_encoder import as_understood
from text_model.packaged import candidates
from text_model.resumable_array import clear
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, title_and_rest, understood_by_part

if TYPE_CHECKING:  # at run time the configuration would import every trainer
    from pipeline.config import TextConfig

_PARTS = ("titles", "snippets")


def text(work: Work) -> dict[str, object]:
    """Tokenize and embed the pages, find pages with similar text, and embed titles and snippets for the judge.

    A killed run resumes from its finished embeddings.
    The figures give, per language, the share of pages that the tokenizer cannot read or splits into small pieces.
    """
    out = work.directory
    table = pq.read_table(work.of("read") / "pages.parquet", columns=["page", "url", "title", "snippet", "language"])
    languages = table["language"].to_pylist()
    config, chosen = choose_encoder(work.config.text, languages, out)
    if chosen["note"]:
        console.print(f"  {chosen['note']}", soft_wrap=True, highlight=False)
    tokenizer, ids = tokenize(work, config.base, config.tokens_per_page, out)
    towers.export_tower(load_encoder(config.base), None, out / "encoder.onnx")
    encoder = OnnxModel(out / "encoder.onnx", threads=1)
    with progress("embedding pages", len(ids)) as advance:
        vectors = towers.embed(encoder, ids, tokenizer.marks, advance, out / "embeddings.npy")
    judge_tokenizer = PageTokenizer(out / "tokenizer.json", config.judged_tokens)
    texts = [table[name].to_pylist() for name in ("url", "title", "snippet")]
    judged = judge_tokenizer.encode(*texts)
    by_part = understood_by_part(judge_tokenizer, *texts)
    known = by_part.max(axis=0)
    _judged_vectors(encoder, judge_tokenizer, *judged, by_part, out).save(out / "judged.npy")
    neighbours = _neighbours(table["page"].to_numpy(), vectors, config)
    pq.write_table(neighbours, out / "neighbours.parquet")
    for name in _PARTS:
        clear(out / f"{name}.npy")
    lengths = np.array([len(row) for row in ids])
    read = _by_language(languages, {"unreadable": lengths == 0, "no_likeness": known == 0})
    counted = {language or "?": count for language, count in Counter(languages).most_common()}
    chosen["read"] = counted
    return {"pages": len(ids), "mean_tokens": round(float(np.mean(lengths)), 1), "encoder": chosen, **read}


STEP = Step(
    "text",
    text,
    after=("read",),
    config=("text",),
    external=lambda config: [hash_model(name) for name in candidates(config.text.base)],
    seeded=False,
    resumes=True,
)


def _neighbours(pages: NDArray[np.uint64], vectors: NDArray[np.float32], config: TextConfig) -> pa.Table:
    """Return each page's nearest pages and itself; a page that the tokenizer cannot read has no neighbours."""
    index = ann.build(pages, vectors)
    held = np.isin(pages, index.pages)
    page, neighbour, weight = ann.neighbour_weights(index, vectors[held], config.neighbours, config.sharpness)
    alone = pages[~held]
    return pa.table(
        {
            "page": np.concatenate([page, alone]),
            "neighbour": np.concatenate([neighbour, alone]),
            "weight": np.concatenate([weight, np.ones(len(alone))]),
        }
    )


def _by_language(languages: list[str], rows: Mapping[str, NDArray[np.bool_]]) -> dict[str, dict[str, float]]:
    """Return the share of each language's pages in each mask, where it is not zero; `?` is an unknown language."""
    tags = np.array([language or "?" for language in languages])
    return {
        name: {str(tag): round(float(mask[tags == tag].mean()), 3) for tag in np.unique(tags[mask])}
        for name, mask in rows.items()
    }


def _judged_vectors(
    encoder: OnnxModel,
    tokenizer: PageTokenizer,
    ids: list[NDArray[np.uint32]],
    titles: NDArray[np.uint16],
    by_part: NDArray[np.float32],
    out: Path,
) -> TextVectors:
    parts = []
    for name, part in zip(_PARTS, title_and_rest(ids, titles), strict=True):
        with progress(f"embedding {name}", len(part)) as advance:
            vectors = towers.embed(encoder, part, tokenizer.marks, advance, out / f"{name}.npy")
            parts.append(as_understood(vectors, by_part))
    titled, told = parts
    return TextVectors(titled, told, by_part.max(axis=0))
