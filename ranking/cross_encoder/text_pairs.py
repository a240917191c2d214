"""Scores pairs of pages given as texts, known or not: tokenized here, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ranking.cross_encoder.pairs import PairModel
from text_model.tokens import PageTokenizer

_BATCH = 32
_TOKENIZED_AT_ONCE = 4_096  # pairs

#: URL, title, snippet.
Words = tuple[str, str, str]


class TextPairScorer:
    """Runs the bundle's cross-encoder on texts, which it tokenizes as the build does."""

    def __init__(self, model: PairModel, tokenizer: PageTokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def score(
        self, first: Sequence[Words], second: Sequence[Words], progress: Callable[[int], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return click (logit) and quality (0 to 4) of each pair."""
        click, quality = (np.empty(len(first), np.float32) for _ in range(2))
        for start in range(0, len(first), _TOKENIZED_AT_ONCE):
            part = slice(start, start + _TOKENIZED_AT_ONCE)
            click[part], quality[part] = self._score(first[part], second[part])
            progress(min(part.stop, len(first)))
        return click, quality

    def _score(
        self, first: Sequence[Words], second: Sequence[Words]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        distinct = list(dict.fromkeys([*first, *second]))
        ids, _ = self._tokenizer.encode(*zip(*distinct, strict=True))
        tokens = dict(zip(distinct, ids, strict=True))
        left, right = ([tokens[words] for words in side] for side in (first, second))
        order = np.argsort([len(a) + len(b) for a, b in zip(left, right, strict=True)], kind="stable")
        click, quality = (np.empty(len(left), np.float32) for _ in range(2))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            click[rows], quality[rows] = self._model.run([left[row] for row in rows], [right[row] for row in rows])
        return click, quality
