"""Compares pages by their words: BM25 weights of all text, as cosines and as matches of titles, both ways."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, vstack

_K1, _B = 1.2, 0.75  # BM25's usual constants
_AT_ONCE = 10_000  # pages whose words are weighed at a time


class Vocabulary:
    """Numbers words and counts the pages that have them, while texts are read once."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        self._terms, self._counts, self._ends, self._lengths = array("i"), array("f"), array("q"), array("f")

    def add(self, text: Sequence[str]) -> None:
        """Count the words of the next page."""
        for word, count in Counter(text).items():
            self._terms.append(self.number.setdefault(word, len(self.number)))
            self._counts.append(count)
        self._ends.append(len(self._terms))
        self._lengths.append(len(text))

    def counts(self) -> csr_matrix:
        """Return how often each page has each word, (pages, words) float32."""
        starts = np.concatenate([[0], np.frombuffer(self._ends, np.int64)]) if self._ends else np.zeros(1, np.int64)
        parts = (np.frombuffer(self._counts, np.float32), np.frombuffer(self._terms, np.int32), starts)
        return csr_matrix(parts, shape=(len(self._ends), len(self.number)))

    @property
    def lengths(self) -> NDArray[np.float32]:
        """Words of each page."""
        return np.frombuffer(self._lengths, np.float32)


def weighted(vocabulary: Vocabulary, terms: int, common: int) -> tuple[csr_matrix, NDArray[np.float32]]:
    """Return BM25 weights times idf, (pages, words), of each page's `terms` heaviest words, and the idf of words.

    Words on more than `common` pages are left out: that bounds the work of comparing pages.
    """
    counts, length = vocabulary.counts(), vocabulary.lengths
    pages = len(length)
    having = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log1p((pages - having + 0.5) / (having + 0.5)).astype(np.float32)
    idf[having > common] = 0
    norm = (_K1 * (1 - _B + _B * length / max(float(length.mean()), 1.0)) if pages else length).astype(np.float32)
    parts = [csr_matrix((0, counts.shape[1]), dtype=np.float32)]
    for first in range(0, pages, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        parts.append(_heaviest(counts[part], norm[part], idf, terms))
    return vstack(parts, format="csr"), idf


def _heaviest(counts: csr_matrix, norm: NDArray[np.float32], idf: NDArray[np.float32], terms: int) -> csr_matrix:
    """Return the weights of each page's `terms` heaviest words."""
    page = np.repeat(np.arange(len(norm)), np.diff(counts.indptr))
    values = counts.data * (_K1 + 1) / (counts.data + norm[page]) * idf[counts.indices]
    order = np.lexsort((-values, page))
    place = np.arange(len(order)) - counts.indptr[page]  # pages are already in order, so only places within one change
    kept = order[(place < terms) & (values[order] > 0)]
    return csr_matrix((values[kept], (page[kept], counts.indices[kept])), shape=counts.shape, dtype=np.float32)


def unit_rows(matrix: csr_matrix) -> csr_matrix:
    """Return the matrix with rows of length 1; empty rows stay empty."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1))).ravel()
    return (diags(1 / np.maximum(length, 1e-9)) @ matrix).tocsr().astype(np.float32)


def title_queries(titles: Iterable[Sequence[str]], vocabulary: Vocabulary, idf: NDArray[np.float32]) -> csr_matrix:
    """Return the words of each title, (pages, words), scaled so that the best BM25 score of a title is about 1."""
    rows, columns = [], []
    pages = 0
    for row, title in enumerate(titles):
        known = [vocabulary.number[word] for word in dict.fromkeys(title) if word in vocabulary.number]
        rows += [row] * len(known)
        columns += known
        pages = row + 1
    query = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(pages, len(vocabulary.number)))
    best = (_K1 + 1) * np.asarray(query @ idf).ravel()
    return (diags(1 / np.maximum(best, 1e-9)) @ query).tocsr().astype(np.float32)
