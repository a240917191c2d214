"""Tunes an approximate index when it is built: the cheapest search parameters that find enough of exact search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import faiss
import numpy as np
from numpy.typing import NDArray

ENOUGH = 0.95  # target recall of the nearest pages
NEAREST = 50
_QUERIES = 300  # vectors that are searched for
_EF_SEARCH = (64, 128, 256, 512, 1024, 2048)
_NPROBE = tuple(1 << power for power in range(11))
_K_FACTOR = (1, 2, 4, 8, 16, 32, 64)
_SAME = 1e-5  # of a cosine: pages with the same text are equally near, and any of them counts


@dataclass(frozen=True, slots=True)
class Search:
    """FAISS search parameters ("" for an exact index), and the share of the 50 nearest pages that they find."""

    setting: str = ""
    recall: float = 1.0

    @property
    def enough(self) -> bool:
        """Whether the recall reaches the target."""
        return self.recall >= ENOUGH


def tune(index: faiss.Index, vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> Search:
    """Set the cheapest search parameters that find enough, or else those that find most; return them.

    `vectors` are those in the index. The reference is an exact search for a few hundred of the `queries`.
    """
    rows = np.random.default_rng(0).permutation(len(queries))[:_QUERIES]
    sample = np.ascontiguousarray(queries[np.sort(rows)], np.float32)
    count = min(NEAREST, len(vectors))
    exact, _ = faiss.knn(sample, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
    best = Search(recall=-1.0)
    for setting in _by_cost(index):
        apply(index, setting)
        cosines, rows = index.search(sample, count)
        found = (rows >= 0) & (cosines >= exact[:, -1:] - _SAME)
        best = max(best, Search(setting, round(float(found.mean()), 4)), key=lambda search: search.recall)
        if best.enough:
            break
    apply(index, best.setting)
    return best


def apply(index: faiss.Index, setting: str) -> None:
    """Set the search parameters of the index; FAISS also writes them into the index file."""
    if setting:
        faiss.ParameterSpace().set_index_parameters(index, setting)  # type: ignore[arg-type] # its stubs know one of two


def setting_of(index: faiss.Index) -> str:
    """Return the search parameters of the index, "" for exact search."""
    if (hnsw := getattr(index, "hnsw", None)) is not None:
        return f"efSearch={hnsw.efSearch}"
    if isinstance(index, faiss.IndexRefine):
        return _ivf(faiss.extract_index_ivf(index).nprobe, int(index.k_factor))
    return ""


def _by_cost(index: faiss.Index) -> Iterator[str]:
    """Yield the search parameters to try, the cheapest first."""
    if getattr(index, "hnsw", None) is not None:
        yield from (f"efSearch={value}" for value in _EF_SEARCH)
        return
    lists = faiss.extract_index_ivf(index).nlist
    code, vector = index.d // 4, 4 * index.d  # bytes read per page of a list, and per page that is compared exactly

    def cost(setting: tuple[int, int]) -> float:
        nprobe, k_factor = setting
        return nprobe * index.ntotal / lists * code + k_factor * NEAREST * vector

    for nprobe, k_factor in sorted(product(_NPROBE, _K_FACTOR), key=cost):
        if nprobe <= lists:
            yield _ivf(nprobe, k_factor)


def _ivf(nprobe: int, k_factor: int) -> str:
    return f"nprobe={nprobe},k_factor_rf={k_factor}"
