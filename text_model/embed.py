"""Text embeddings of pages from the base encoder itself: for judges, before any model is exported."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from text_model.base import embedded, load_encoder, write_tokenizer
from text_model.joined_encoder import as_understood
from text_model.tokens import PageTokenizer, single_inputs, title_and_rest, understood, understood_by_part

_BATCH = 32


class TextEmbedder:
    """Embeds pages as one text, or as two: the title and the rest."""

    def __init__(self, base: str, tokens_per_page: int) -> None:
        self._encoder = load_encoder(base)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "tokenizer.json"
            write_tokenizer(base, path)
            self._tokenizer = PageTokenizer(path, tokens_per_page)

    def whole(self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per page, (pages, width) float32; zeros for a page without tokens."""
        return self._embed(self._tokenizer.encode(urls, titles, snippets)[0])

    def understood(self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]) -> NDArray[np.float32]:
        """Return how much of each page's words the encoder can have learnt, 0 to 1."""
        return understood(self._tokenizer, urls, titles, snippets)

    def parts(
        self, urls: Sequence[str], titles: Sequence[str], snippets: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return unit vectors of the titles and of the rest, (pages, width) float32 each; zeros as in `whole`."""
        ids, lengths = self._tokenizer.encode(urls, titles, snippets)
        known = understood_by_part(self._tokenizer, urls, titles, snippets)
        first, rest = title_and_rest(ids, lengths)
        return as_understood(self._embed(first), known), as_understood(self._embed(rest), known)

    @torch.inference_mode()
    def _embed(self, tokens: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        result = np.zeros((len(tokens), self._encoder.config.hidden_size), np.float32)
        lengths = np.array([len(row) for row in tokens])
        order = np.argsort(lengths, kind="stable")  # pages of similar length share a batch
        order = order[lengths[order] > 0]
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            inputs = single_inputs([tokens[row] for row in rows], self._tokenizer.marks)
            batch = {name: torch.from_numpy(value) for name, value in inputs.items()}
            result[rows] = embedded(self._encoder, **batch).float().numpy()  # it may run in bfloat16
        return result
