"""The step over words: tokens, embeddings, text neighbours, and the vectors that the rubric compares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import TextConfig
from pipeline.step import Work, progress
from ranking.quality.likeness import TextVectors
from recall import ann
from recall.two_tower import build as towers
from text_model.base import load_encoder, write_tokenizer
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, pair_inputs, title_and_rest, understood


class PageTokens:
    """The token ids of all pages, by row of the pages table."""

    def __init__(self, directory: Path, tokens_per_page: int) -> None:
        lengths = np.load(directory / "lengths.npy")
        self._ids = np.load(directory / "tokens.npy", mmap_mode="r")
        self._starts = np.concatenate([[0], np.cumsum(lengths[:, 0], dtype=np.int64)]).astype(np.int64)
        self.tokenizer = PageTokenizer(directory / "tokenizer.json", tokens_per_page)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.uint32]:
        return np.asarray(self._ids[self._starts[row] : self._starts[row + 1]])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each page."""
        return np.diff(self._starts)

    def pairs(self, page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return the padded inputs of pairs of rows."""
        first, second = ([self[int(row)] for row in rows] for rows in (page1, page2))
        return pair_inputs(first, second, self.tokenizer.cls, self.tokenizer.sep)

    def pair_tensors(self, page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the same as tensors."""
        return {name: torch.from_numpy(value) for name, value in self.pairs(page1, page2).items()}


def page_tokens(work: Work) -> PageTokens:
    """Return what the `text` step tokenized."""
    return PageTokens(work.of("text"), work.config.text.tokens_per_page)


def tokenize(work: Work, base: str, tokens_per_page: int, out: Path) -> tuple[PageTokenizer, list[NDArray[np.uint32]]]:
    """Write the base's tokenizer and all pages' token ids to `out`, for `PageTokens`; return both."""
    columns = ["url", "title", "snippet"]
    table = pq.read_table(work.of("read") / "pages.parquet", columns=columns)
    write_tokenizer(base, out / "tokenizer.json")
    tokenizer = PageTokenizer(out / "tokenizer.json", tokens_per_page)
    ids, titles = tokenizer.encode(*(table[name].to_pylist() for name in columns))
    np.save(out / "tokens.npy", np.concatenate(ids))
    np.save(out / "lengths.npy", np.stack([[len(row) for row in ids], titles], axis=1).astype(np.uint16))
    return tokenizer, ids


def text(work: Work) -> dict[str, object]:
    """Tokenize and embed the pages, find the pages that read alike, and embed titles and snippets for the judge.

    The figures say which shares of the pages of a language the encoder's tokenizer cannot read, or reads in crumbs.
    """
    config, out = work.config.text, work.directory
    tokenizer, ids = tokenize(work, config.base, config.tokens_per_page, out)
    towers.export_tower(load_encoder(config.base), None, out / "encoder.onnx")
    encoder = OnnxModel(out / "encoder.onnx")
    with progress("embedding pages", len(ids)) as advance:
        vectors = towers.embed(encoder, ids, tokenizer.cls, tokenizer.sep, advance)
    np.save(out / "embeddings.npy", vectors)
    table = pq.read_table(work.of("read") / "pages.parquet", columns=["page", "url", "title", "snippet", "language"])
    judge_tokenizer = PageTokenizer(out / "tokenizer.json", config.judged_tokens)
    texts = [table[name].to_pylist() for name in ("url", "title", "snippet")]
    judged = judge_tokenizer.encode(*texts)
    known = understood(judge_tokenizer, *texts)
    _judged_vectors(encoder, judge_tokenizer, *judged, known).save(out / "judged.npy")
    neighbours = _neighbours(table["page"].to_numpy(), vectors, config)
    pq.write_table(neighbours, out / "neighbours.parquet")
    lengths = np.array([len(row) for row in ids])
    read = _by_language(table["language"].to_pylist(), {"unreadable": lengths == 0, "no_likeness": known == 0})
    return {"pages": len(ids), "mean_tokens": round(float(np.mean(lengths)), 1), **read}


def _neighbours(pages: NDArray[np.uint64], vectors: NDArray[np.float32], config: TextConfig) -> pa.Table:
    """Return each page's nearest pages and itself; one that the tokenizer cannot read borrows from none."""
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
    """Return the share of each language's pages that a mask names, where there are any; `?` is an unknown language."""
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
    known: NDArray[np.float32],
) -> TextVectors:
    parts = []
    for name, part in zip(("titles", "snippets"), title_and_rest(ids, titles), strict=True):
        with progress(f"embedding {name}", len(part)) as advance:
            parts.append(towers.embed(encoder, part, tokenizer.cls, tokenizer.sep, advance))
    return TextVectors(*parts, known)
