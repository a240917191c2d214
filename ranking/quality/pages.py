"""The input of a judge: the pages of a corpus as columns, and pairs of their rows."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from corpus.text.stop_words import stop_words
from corpus.text.words import words as words_of
from store.page_row import language_code

if TYPE_CHECKING:
    import pyarrow as pa

TITLE_WEIGHT = 3  # a title word counts as three of the snippet: the best of 1, 2, 3 on human-judged news pairs
SANE_URL_LENGTH = 200
SANE_URL_PARAMETERS = 4
_CHUNK = 100_000  # pairs
_FULL_WEIGHT_LETTERS = 5  # words of this many letters have full weight on pages that rely on their words


@dataclass(frozen=True, slots=True)
class JudgedPages:
    """Pages as a judge sees them, one row per page."""

    words: sparse.csr_array  # pages x vocabulary, tf-idf, unit rows: the dot product of two is their overlap
    word_count: NDArray[np.int32]
    language: NDArray[np.uint16]  # store.page_row.language_code, 0 when unknown
    fingerprint: NDArray[np.uint64]  # 0 without text
    address: NDArray[np.uint64]
    spam: NDArray[np.bool_]
    secure: NDArray[np.bool_]  # https
    sane_url: NDArray[np.bool_]

    @classmethod
    def from_table(cls, pages: pa.Table, understood: NDArray[np.float32] | None = None) -> JudgedPages:
        """Read columns url, title, snippet, language, fingerprint, address and spam of the pages table.

        Pages that the encoder does not understand well (`understood` below 1) rely on their words: stop words of their
        language are left out, and short words, the most common ones in most languages, weigh less.
        """
        urls = pages["url"].to_pylist()
        texts = list(zip(*(pages[name].to_pylist() for name in ("title", "snippet", "language")), strict=True))
        by_words = np.zeros(len(pages), np.bool_) if understood is None else understood < 1.0
        words, word_count = _word_vectors(texts, by_words)
        return cls(
            words=words,
            word_count=word_count,
            language=np.array([language_code(tag or "") for *_, tag in texts], np.uint16),
            fingerprint=pages["fingerprint"].to_numpy().astype(np.uint64),
            address=pages["address"].to_numpy().astype(np.uint64),
            spam=pages["spam"].to_numpy().astype(np.bool_),
            secure=np.array([url.startswith("https:") for url in urls], np.bool_),
            sane_url=_sane(urls),
        )

    def __len__(self) -> int:
        return len(self.address)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs to judge: is page `right[i]` worth reading after page `left[i]`? Both are rows of `pages`."""

    pages: JudgedPages
    left: NDArray[np.intp]
    right: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.left)

    def of_both(self, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a column of `pages` for the left pages and for the right ones."""
        values = getattr(self.pages, column)
        return values[self.left], values[self.right]

    def word_overlap(self) -> NDArray[np.float32]:
        """Return the tf-idf cosine of each pair's words, 0 to 1."""
        words = self.pages.words
        overlap = np.empty(len(self), np.float32)
        for start in range(0, len(self), _CHUNK):  # the copied rows, not the result, need the memory
            part = slice(start, start + _CHUNK)
            common = words[self.left[part]].multiply(words[self.right[part]])
            overlap[part] = np.asarray(common.sum(axis=1)).ravel()
        return overlap


def _sane(urls: Sequence[str]) -> NDArray[np.bool_]:
    sane = (len(url) <= SANE_URL_LENGTH and url.count("&") < SANE_URL_PARAMETERS for url in urls)
    return np.fromiter(sane, np.bool_, len(urls))


def _word_vectors(
    texts: Sequence[tuple[str, str, str | None]], by_words: NDArray[np.bool_]
) -> tuple[sparse.csr_array, NDArray[np.int32]]:
    counts, lengths, word_count = _count(texts, by_words)
    pages_with = np.bincount(counts.indices, minlength=counts.shape[1])
    # + 1: a single page keeps its words
    idf = np.log((counts.shape[0] + 1) / np.maximum(pages_with, 1)).astype(np.float32)
    by_length = np.minimum(lengths, _FULL_WEIGHT_LETTERS)[counts.indices]
    length_weights = np.where(np.repeat(by_words, np.diff(counts.indptr)), by_length, 1)
    weights = (1.0 + np.log(counts.data)) * idf[counts.indices] * length_weights
    words = sparse.csr_array((weights, counts.indices, counts.indptr), shape=counts.shape)
    norm = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    words.data /= np.repeat(np.maximum(norm, 1e-9), np.diff(words.indptr)).astype(np.float32)
    return words, word_count


def _count(
    texts: Sequence[tuple[str, str, str | None]], by_words: NDArray[np.bool_]
) -> tuple[sparse.csr_array, NDArray[np.float32], NDArray[np.int32]]:
    """Return weighted word counts (pages x vocabulary), the length of each word, and the word count of each page."""
    vocabulary: dict[str, int] = {}
    indices, data, ends, totals = array("i"), array("f"), array("q", [0]), array("i")
    for weights, total in _weighted(texts, by_words):
        indices.extend(vocabulary.setdefault(word, len(vocabulary)) for word in weights)
        data.extend(weights.values())
        ends.append(len(indices))
        totals.append(total)
    shape = (len(totals), max(1, len(vocabulary)))
    columns = (np.array(data, np.float32), np.array(indices, np.int32), np.array(ends, np.int64))
    lengths = np.array([len(word) for word in vocabulary] or [1], np.float32)
    return sparse.csr_array(columns, shape=shape), lengths, np.array(totals, np.int32)


def _weighted(
    texts: Sequence[tuple[str, str, str | None]], by_words: NDArray[np.bool_]
) -> Iterator[tuple[Counter[str], int]]:
    for (title, snippet, language), drop_stop_words in zip(texts, by_words.tolist(), strict=True):
        of_title, of_snippet = words_of(title), words_of(snippet)
        weights = Counter(of_snippet + of_title * TITLE_WEIGHT)
        if drop_stop_words:
            listed = stop_words(language or "")
            weights = Counter({word: count for word, count in weights.items() if word not in listed})
        yield weights, len(of_title) + len(of_snippet)
