"""Writes and reads the token ids of all pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.pages.encoder import text_settings
from pipeline.runner.work import Work
from text_model.base import write_tokenizer
from text_model.tokens import PageTokenizer, pair_inputs


class PageTokens:
    """The token ids of all pages, by row of the pages table."""

    def __init__(self, directory: Path, tokens_per_page: int) -> None:
        lengths = np.load(directory / "lengths.npy")
        self._ids = np.load(directory / "tokens.npy", mmap_mode="r")
        self._starts = np.concatenate([[0], np.cumsum(lengths[:, 0], dtype=np.int64)]).astype(np.int64)
        self.tokenizer = PageTokenizer(directory / "tokenizer.json", tokens_per_page)
        self.joint = False  # whether all layers of the encoder read both pages of a pair; see `pair_inputs`

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.uint32]:
        return np.asarray(self._ids[self._starts[row] : self._starts[row + 1]])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each page."""
        return np.diff(self._starts)

    def pairs(self, page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return the padded inputs of pairs of rows."""
        first, second = ([self[int(row)] for row in rows] for rows in (page1, page2))
        return pair_inputs(first, second, self.tokenizer.marks, joint=self.joint)

    def pair_tensors(self, page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the same as tensors."""
        return {name: torch.from_numpy(value) for name, value in self.pairs(page1, page2).items()}


def page_tokens(work: Work) -> PageTokens:
    """Return the tokens that the step `text` wrote."""
    return PageTokens(work.of("text"), text_settings(work).tokens_per_page)


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
