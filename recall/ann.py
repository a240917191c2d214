"""Nearest neighbours by cosine: a FAISS index whose rows are PageIds in ascending order."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from recall import ann_tuning
from recall.ann_tuning import Search

_FLAT_BELOW = 50_000
_HNSW_BELOW = 5_000_000
_HNSW_LINKS = 32


class AnnIndex:
    """Vectors of pages: search for the nearest, or compare with given pages."""

    def __init__(self, index: faiss.Index, pages: NDArray[np.uint64], search: Search | None = None) -> None:
        if index.ntotal != len(pages):
            raise ValueError(f"the index holds {index.ntotal} vectors for {len(pages)} pages")
        self._index = index
        self.pages = pages
        self.measured = search  # None for a loaded index: the file holds only the setting

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def setting(self) -> str:
        """The search parameters as a FAISS string; "" for exact search."""
        return ann_tuning.setting_of(self._index)

    def figures(self) -> dict[str, object]:
        """Return the manifest's figures: the values that were built, which may differ from the requested ones."""
        measured = {} if self.measured is None else {"recall_at_50": self.measured.recall}
        return {"pages": len(self), "dimension": self.dimension, "search": self.setting, **measured}

    def __len__(self) -> int:
        return len(self.pages)

    def row(self, page: int) -> int | None:
        """Return the row of a page, None when the index does not hold it."""
        row = int(np.searchsorted(self.pages, np.uint64(page)))
        return row if row < len(self.pages) and int(self.pages[row]) == page else None

    def vector(self, page: int) -> NDArray[np.float32] | None:
        """Return the unit vector of a page, None when the index does not hold it."""
        row = self.row(page)
        return None if row is None else np.asarray(self._index.reconstruct(row))

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the unit vectors of rows."""
        return np.asarray(self._index.reconstruct_batch(rows))

    def search(self, vector: NDArray[np.float32], limit: int) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Return at most `limit` pages and their cosines, nearest first; FAISS's -1 rows are left out."""
        cosines, rows = self.nearest_rows(vector.reshape(1, -1), limit)
        found = rows[0] >= 0
        return self.pages[rows[0][found]], cosines[0][found]

    def cosines(self, vector: NDArray[np.float32], pages: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the cosine of `vector` with each page, NaN for pages that the index does not hold."""
        result = np.full(len(pages), np.nan, np.float32)
        rows = np.searchsorted(self.pages, pages)
        rows[rows == len(self.pages)] = 0
        held = self.pages[rows] == pages if len(self.pages) else np.zeros(len(pages), bool)
        if held.any():
            result[held] = self._index.reconstruct_batch(rows[held]) @ vector
        return result

    def cosines_from(self, page: int, pages: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the cosine of a page's own vector with each page; all NaN when it has none."""
        vector = self.vector(page)
        return np.full(len(pages), np.nan, np.float32) if vector is None else self.cosines(vector, pages)

    def nearest_rows(self, vectors: NDArray[np.float32], limit: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return FAISS's own (cosines, rows) for many vectors at once; -1 where there is none."""
        count = min(limit, len(self))
        if count == 0:  # FAISS refuses to search for none
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        cosines, rows = self._index.search(vectors, count)
        return cosines, rows

    def save(self, path: Path) -> None:
        """Write `<path>.faiss` and `<path>.pages.npy`."""
        # FAISS's own writer silently drops the last bytes when the disk is full.
        with Path(f"{path}.faiss").open("wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]
        np.save(f"{path}.pages.npy", self.pages)


def build(
    pages: NDArray[np.uint64], vectors: NDArray[np.float32], queries: NDArray[np.float32] | None = None
) -> AnnIndex:
    """Return an index of unit vectors (rows, dimension) float32; zero vectors are left out.

    Flat below 50,000 pages, HNSW up to 5 million, IVF-PQ above. The search parameters of the last two are tuned on
    a sample of `queries` (unit vectors; by default the pages' vectors).
    """
    length = np.linalg.norm(vectors, axis=1)
    kept = np.flatnonzero(length > 1e-9)
    kept = kept[np.argsort(pages[kept], kind="stable")]
    unit = np.ascontiguousarray(vectors[kept] / length[kept, None], dtype=np.float32)
    index = _new_index(len(kept), vectors.shape[1])
    if not index.is_trained:
        index.train(unit)
    index.add(unit)
    exact = isinstance(index, faiss.IndexFlat)
    search = Search() if exact else ann_tuning.tune(index, unit, unit if queries is None else queries)
    return AnnIndex(index, pages[kept], search)


def load(path: Path) -> AnnIndex:
    """Read what `save` wrote. Check the hashes of the files first: FAISS does not notice damaged files."""
    return AnnIndex(faiss.read_index(f"{path}.faiss"), np.load(f"{path}.pages.npy"))


def neighbour_weights(
    index: AnnIndex, vectors: NDArray[np.float32], count: int, sharpness: float
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.float64]]:
    """Return (page, neighbour, weight) for each page's `count` nearest pages, and for itself with weight 1.

    A weight is cosine ** sharpness, scaled so that a page's weights sum to 1. `vectors` are the rows of `index`.
    """
    cosines, rows = index.nearest_rows(vectors, count + 1)
    own = np.arange(len(index))[:, None]
    weights = np.where((rows == own) | (rows < 0), 0.0, np.clip(cosines, 0.0, None).astype(np.float64) ** sharpness)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    kept = weights > 0
    page, neighbour = index.pages[np.broadcast_to(own, rows.shape)[kept]], index.pages[rows[kept]]
    return (
        np.concatenate([index.pages, page]),
        np.concatenate([index.pages, neighbour]),
        np.concatenate([np.ones(len(index)), weights[kept]]),
    )


def _new_index(rows: int, dimension: int) -> faiss.Index:
    if rows < _FLAT_BELOW:
        return faiss.IndexFlatIP(dimension)
    if rows < _HNSW_BELOW:
        return faiss.IndexHNSWFlat(dimension, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    lists = 1 << int(np.log2(4 * np.sqrt(rows)))
    parts = dimension if dimension % 2 else dimension // 2  # sub-vectors of equal length
    return faiss.index_factory(dimension, f"IVF{lists},PQ{parts}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
