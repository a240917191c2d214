"""The signals of pairs of pages, for blocks of pages: which pairs come into question, and what each signal says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recall.ann import AnnIndex

_BLOCK_CELLS = 1 << 23  # pages of a block times all pages: bounds the memory of a product

#: Rows of the block, and rows of their candidates.
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Signals:
    """What is known of every page, in the order of the pages table; vectors are unit or zero."""

    cosine: NDArray[np.float32]
    opening: NDArray[np.float32]
    terms: csr_matrix  # unit rows
    weights: csr_matrix  # BM25 weights of the words of each page
    titles: csr_matrix  # the title of each page as a query
    mentions: csr_matrix  # page i names page j
    indexes: tuple[AnnIndex, ...]  # over `cosine` and `opening`
    pages: NDArray[np.uint64]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last row (exclusive) of each block."""
        count = len(self.pages)
        size = max(1, min(count, _BLOCK_CELLS // max(count, 1)))
        for start in range(0, count, size):
            yield start, min(start + size, count)

    def block(self, start: int, end: int, deep: int) -> tuple[Pairs, dict[str, NDArray[np.float32]]]:
        """Return the pairs (row from `start`, candidate) of a block that any signal ranks in its best `deep`, and
        each signal's values of them; no page is its own candidate.
        """
        sparse = self._sparse(start, end)
        parts = [_best(matrix, deep) for matrix in sparse.values()]
        parts += [self._nearest(index, start, end, deep) for index in self.indexes]
        row, candidate = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        other = row + start != candidate
        key = np.unique(row[other] * len(self.pages) + candidate[other])
        row, candidate = np.divmod(key, max(len(self.pages), 1))
        values = {name: _cosines(vectors, row + start, candidate) for name, vectors in self._dense().items()}
        values |= {name: _at(matrix, row, candidate) for name, matrix in sparse.items()}
        return (row, candidate), values

    def _dense(self) -> dict[str, NDArray[np.float32]]:
        return {"cosine": self.cosine, "opening": self.opening}

    def _sparse(self, start: int, end: int) -> dict[str, csr_matrix]:
        own = slice(start, end)
        terms, weights, titles, mentions = self._other_way
        values = {
            "terms": self.terms[own] @ terms,
            "title": self.titles[own] @ weights,
            "titled": self.weights[own] @ titles,
            "mentions": self.mentions[own],
            "mentioned": mentions[own],
        }
        for matrix in values.values():
            matrix.sort_indices()  # for `_best` and `_at`
        return values

    @cached_property
    def _other_way(self) -> tuple[csr_matrix, ...]:
        """The transposed matrices by row: made for each block, they would take longer than its products."""
        return tuple(matrix.T.tocsr() for matrix in (self.terms, self.weights, self.titles, self.mentions))

    def _nearest(self, index: AnnIndex, start: int, end: int, deep: int) -> Pairs:
        rows = np.searchsorted(index.pages, self.pages[start:end])
        rows[rows == len(index)] = 0
        held = np.flatnonzero(index.pages[rows] == self.pages[start:end]) if len(index) else np.empty(0, np.int64)
        if len(held) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        _, found = index.nearest_rows(index.vectors(rows[held]), deep + 1)
        row = np.repeat(held, found.shape[1])
        there = found.ravel() >= 0
        return row[there], np.searchsorted(self.pages, index.pages[found.ravel()[there]]).astype(np.int64)


def _best(matrix: csr_matrix, deep: int) -> Pairs:
    """Return row and column of the largest values of each row: `deep`, and one more that may be the page itself.

    Of equal values the first columns count; the columns of a row are in order.
    """
    kept = [
        start + _largest(matrix.data[start:stop], deep + 1)
        for start, stop in zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
    ]
    row = np.repeat(np.arange(len(kept)), [len(part) for part in kept])
    return row, matrix.indices[np.concatenate([np.empty(0, np.intp), *kept])].astype(np.int64)


def _largest(values: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Return the places of the `most` largest values, in no order; of equal ones the first."""
    if len(values) <= most:
        return np.arange(len(values))
    least = np.partition(values, len(values) - most)[len(values) - most]
    above = np.flatnonzero(values > least)
    return np.concatenate([above, np.flatnonzero(values == least)[: most - len(above)]])


def _at(matrix: csr_matrix, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return single values; the columns of a row are in order. SciPy would read whole rows for each."""
    if matrix.nnz == 0:
        return np.zeros(len(row), np.float32)
    width = matrix.shape[1]
    stored = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * width + matrix.indices
    key = row * width + column
    place = np.minimum(np.searchsorted(stored, key), len(stored) - 1)
    return np.where(stored[place] == key, matrix.data[place], np.float32(0)).astype(np.float32)


def _cosines(
    vectors: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64], chunk: int = 50_000
) -> NDArray[np.float32]:
    values = np.empty(len(left), np.float32)
    for start in range(0, len(left), chunk):
        part = slice(start, start + chunk)
        values[part] = np.einsum("ij,ij->i", vectors[left[part]], vectors[right[part]])
    return values
