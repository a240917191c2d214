"""Judges pairs by the quality head of a finished student, from token ids alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from store.bundle import Bundle
from store.page_row import read_facts, read_tokens
from store.tables import LmdbTable
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, pair_inputs

_BATCH = 32


class StudentJudge:
    """The student of a bundle, over its pages and over pages that bring their own tokens."""

    def __init__(self, bundle: Bundle) -> None:
        tokens = bundle.manifest.config["text"]["tokens_per_page"]
        self.tokenizer = PageTokenizer(bundle.file("tokenizer.json"), tokens)
        self._model = OnnxModel(bundle.file("cross_encoder/model.onnx"))
        self._pages = LmdbTable(bundle.file("tables/pages.lmdb"))
        self._others: dict[int, NDArray[np.uint32]] = {}

    def add(self, tokens: Mapping[int, NDArray[np.uint32]]) -> None:
        """Let pages that the bundle does not know be judged by their tokens."""
        self._others |= tokens

    def __call__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the quality, 0 to 4, of each pair of PageIds. Raises KeyError for a page without tokens."""
        different, rows = np.unique(np.concatenate([page1, page2]), return_inverse=True)
        tokens = self._tokens(different)
        first, second = rows[: len(page1)], rows[len(page1) :]
        lengths = np.array([len(row) for row in tokens])
        order = np.argsort(lengths[first] + lengths[second], kind="stable")  # pairs of like length share a batch
        quality = np.empty(len(page1), np.float32)
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            pairs = [tokens[row] for row in first[part]], [tokens[row] for row in second[part]]
            quality[part] = self._model.run(pair_inputs(*pairs, self.tokenizer.cls, self.tokenizer.sep))[1]
        return quality

    def close(self) -> None:
        """Release the pages table."""
        self._pages.close()

    def _tokens(self, pages: NDArray[np.uint64]) -> list[NDArray[np.uint32]]:
        stored = self._pages.read(pages)
        return [
            self._others[int(page)] if row is None else read_tokens(row, read_facts([row])[0])
            for page, row in zip(pages, stored, strict=True)
        ]
