"""Judges pairs with the quality head of the finished student, from token ids only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import page_tokens
from pipeline.runner.work import Work
from ranking.cross_encoder.pairs import open_pair_model

_BATCH = 32


class StudentJudge:
    """The student of a build, for its pages and for other pages that come with tokens."""

    def __init__(self, work: Work, others: Mapping[int, NDArray[np.uint32]] | None = None) -> None:
        self._pages = page_ids(work)
        self._tokens = page_tokens(work)
        tokenizer = self._tokens.tokenizer
        self._model = open_pair_model(work.of("student") / EXPORTED, tokenizer.marks)
        self._others = others or {}

    def __call__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the quality, 0 to 4, of each pair of PageIds. Raises KeyError for a page without tokens."""
        different, rows = np.unique(np.concatenate([page1, page2]), return_inverse=True)
        tokens = self._of(different)
        first, second = rows[: len(page1)], rows[len(page1) :]
        lengths = np.array([len(row) for row in tokens], np.int64)
        order = np.argsort(lengths[first] + lengths[second], kind="stable")  # pairs of similar length share a batch
        quality = np.empty(len(page1), np.float32)
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            quality[part] = self._model.run(
                [tokens[row] for row in first[part]], [tokens[row] for row in second[part]]
            )[1]
        return quality

    def _of(self, pages: NDArray[np.uint64]) -> list[NDArray[np.uint32]]:
        rows = np.minimum(np.searchsorted(self._pages, pages), len(self._pages) - 1)
        known = self._pages[rows] == pages
        return [
            self._tokens[row] if here else self._others[page]
            for page, row, here in zip(pages.tolist(), rows.tolist(), known.tolist(), strict=True)
        ]
