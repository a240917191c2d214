"""Turns scores of sub-word tokens into keywords: whole words, no stop words, in the order of the text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from corpus.text.words import is_letter, word_spans, words

_HALF = "\N{REPLACEMENT CHARACTER}"  # the decoder's output for an incomplete character


_STEM = 5  # letters; words that begin with a longer word of a prompt count as forms of it


class PromptWords:
    """The words of instructions, which answers repeat ("recommendation"): they say nothing of the page."""

    def __init__(self, instructions: str) -> None:
        self._words = frozenset(words(instructions))
        self._stems = tuple(word for word in self._words if len(word) >= _STEM)

    def among(self, answer: str, page: str) -> set[str]:
        """Return the words of an answer that are the instructions', or forms of them, and not the page's own."""
        found = set(words(answer)) - set(words(page))
        return {word for word in found if word in self._words or word.startswith(self._stems)}


def token_spans(tokens: Sequence[int], decode: Callable[[Sequence[int]], str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of the tokens, and the range of characters of each token.

    A token with part of a character's bytes belongs to that character; a token without text has an empty range.
    Decoding every prefix works for any tokenizer, and is cheap for a few hundred tokens.
    """
    ends = [len(decode(tokens[: count + 1]).rstrip(_HALF)) for count in range(len(tokens))]
    text = decode(tokens)
    spans, start = [], 0
    for row, end in enumerate(ends):
        part = end <= start and decode(tokens[: row + 1]).endswith(_HALF)
        spans.append((start, start + 1 if part else max(start, end)))
        start = max(start, end)
    return text, spans


def keywords(
    text: str, spans: Sequence[tuple[int, int]], scores: Sequence[float], stop: Collection[str], most: int
) -> list[str]:
    """Return at most `most` words with the highest scores above 0, in their order in the text: K of equation 5.

    The paper selects tokens; part of a word finds nothing, so here a word has the score of its best token. Words are
    case-folded; stop words and single letters are left out; a repeated word counts once, at its first
    position, with its best score. `spans` and `scores` are those of the tokens, in order.
    """
    best: dict[str, float] = {}  # in order of appearance
    starts = np.array([start for start, _ in spans], np.int64)
    ends = np.array([end for _, end in spans], np.int64)
    value = np.asarray(scores, np.float64)
    for start, end in word_spans(text):
        word = " ".join(words(text[start:end]))
        of = value[(starts < end) & (ends > start)]
        if of.size and word not in stop and not is_letter(word):
            best[word] = max(best.get(word, 0.0), float(of.max()))
    ranked = sorted((word for word in best if best[word] > 0), key=lambda word: -best[word])
    chosen = set(ranked[:most])
    return [word for word in best if word in chosen]
