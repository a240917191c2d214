"""The writer that needs no endpoint: the sentences of a text that say most of it, and most of the key factors."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.source import KnownPage
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, single_inputs

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।])\s*")
_CHARACTERS = 4  # of a token, about: what is longer than the encoder reads is shortened
_AT_ONCE = 32  # sentences in one run of the encoder
_SHORTEST = 3  # tokens, about: a shorter piece ("Mr.") goes on with the next


class Extractor:
    """Shortens texts to what the encoder reads; texts that fit are left as they are."""

    def __init__(self, encoder: OnnxModel, tokenizer: PageTokenizer, config: KnowledgeConfig) -> None:
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._config = config
        self._factors = self._unit(config.factors)

    def write(self, page: KnownPage) -> str:
        """Return at most as many characters as the encoder reads tokens of, about; sentences keep their order."""
        room = _CHARACTERS * self._config.tokens
        if len(page.text) <= room:
            return page.text
        found = sentences(page.text)[: self._config.sentences]
        vectors = self._unit([page.title, *found])
        scores = ranked(vectors[1:], vectors[0], self._factors, self._config.factor_weight)
        return shortened(found, scores, room)

    def _unit(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector per text, (texts, width); zeros for a text that the tokenizer cannot read."""
        empty = [""] * len(texts)
        tokens, _ = self._tokenizer.encode(empty, empty, texts)
        marks = self._tokenizer.marks
        parts = [tokens[start : start + _AT_ONCE] for start in range(0, len(tokens), _AT_ONCE)]
        vectors = np.concatenate([self._encoder.run(single_inputs(part, marks))[0] for part in parts])
        vectors[[row for row, own in enumerate(tokens) if len(own) == 0]] = 0
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a short piece goes on with the one after it."""
    found: list[str] = []
    for piece in filter(None, map(str.strip, _END.split(text))):
        if found and len(found[-1]) < _SHORTEST * _CHARACTERS:
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def ranked(
    vectors: NDArray[np.float32], title: NDArray[np.float32], factors: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Return a score per sentence: nearness to the whole text and its title, and, by `weight`, to its nearest factor.

    Unit vectors: of the sentences (n, width), the title (width,) and the factors (m, width).
    """
    whole = vectors.mean(axis=0) + title
    centrality = vectors @ (whole / max(float(np.linalg.norm(whole)), 1e-9))
    told = (vectors @ factors.T).max(axis=1) if len(factors) else np.zeros(len(vectors), np.float32)
    return np.asarray((1 - weight) * centrality + weight * told, np.float32)


def shortened(found: Sequence[str], scores: NDArray[np.float32], room: int) -> str:
    """Return the sentences with the best scores, as many as fit into `room` characters, in their order in the text.

    What is worse than the first that does not fit is left out, however short: it would be there for its length alone.
    """
    kept: list[int] = []
    for number in np.argsort(-scores, kind="stable").tolist():
        if len(found[number]) > room:
            break
        kept.append(number)
        room -= len(found[number]) + 1
    return " ".join(found[number] for number in sorted(kept)) or found[int(scores.argmax())][:room]
