"""Text similarity of two pages: their titles and snippets as vectors, each compared with each.

Vectors of words that the encoder never learnt are similar only because they share letters. So each page has a weight,
`understood`, and similarity of text that the encoder does not understand does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CROSSWISE = 0.5  # weight of the better crosswise cosine; on golden news pairs, 0 and 1 lose .001 of accuracy
_CHUNK = 20_000  # pairs whose vectors are in memory at once


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Unit vectors of each page's title and snippet, (pages, width) each; float16 on disk."""

    title: NDArray[np.floating]
    snippet: NDArray[np.floating]
    understood: NDArray[np.float32] | None = None  # see text_model.vocabulary; 0 to 1 per page; None: all 1

    def weight(self, left: NDArray[np.intp], right: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return how reliable the likeness of each pair is, 0 to 1: the lower `understood` of its two pages."""
        if self.understood is None:
            return np.ones(len(left), np.float32)
        weight: NDArray[np.float32] = np.minimum(self.understood[left], self.understood[right])
        return weight

    def likeness(
        self, left: NDArray[np.intp], right: NDArray[np.intp], crosswise: float = CROSSWISE
    ) -> NDArray[np.float32]:
        """Return the likeness of each pair of rows: below 0.2 for unrelated pages, about 0.7 for the same page.

        It combines the mean of the four cosines between titles and snippets with the better of the two crosswise
        ones (title with snippet), which has the weight `crosswise`: a snippet about the other page's title marks a good
        next page, while two long snippets may be similar only in style. NaN if a page is not understood at all.
        """
        result = np.empty(len(left), np.float32)
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            title1, snippet1 = self._rows(left[part])
            title2, snippet2 = self._rows(right[part])
            all_four = _dot(title1 + snippet1, title2 + snippet2) / 4
            across = np.maximum(_dot(title1, snippet2), _dot(snippet1, title2))
            result[part] = (1.0 - crosswise) * all_four + crosswise * across
        return np.where(self.weight(left, right) > 0, result, np.float32(np.nan))

    def save(self, path: Path) -> None:
        """Write the vectors as one array, (2, pages, width) float16, and `understood` to a file beside it."""
        np.save(path, np.stack([self.title, self.snippet]).astype(np.float16))
        if self.understood is not None:
            np.save(_beside(path), self.understood)

    @classmethod
    def load(cls, path: Path) -> TextVectors:
        """Memory-map what `save` wrote."""
        title, snippet = np.load(path, mmap_mode="r")
        return cls(title, snippet, np.load(_beside(path)) if _beside(path).is_file() else None)

    def _rows(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.title[rows].astype(np.float32), self.snippet[rows].astype(np.float32)


def _beside(path: Path) -> Path:
    return path.with_suffix(".understood.npy")


def _dot(one: NDArray[np.float32], two: NDArray[np.float32]) -> NDArray[np.float32]:
    products: NDArray[np.float32] = np.einsum("ij,ij->i", one, two)
    return products
