"""How hard an approximate index searches: measured against exact search when it is built, the cheapest that will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import faiss
import numpy as np
from numpy.typing import NDArray

ENOUGH = 0.95  # of the nearest that a search is to find
NEAREST = 50
_ASKED = 300  # vectors that are searched for
_EF_SEARCH = (64, 128, 256, 512, 1024, 2048)
_NPROBE = tuple(1 << power for power in range(11))
_K_FACTOR = (1, 2, 4, 8, 16, 32, 64)
_SAME = 1e-5  # of a cosine: pages of the same words are as near as one another, and any of them will do


@dataclass(frozen=True, slots=True)
class Search:
    """A setting of FAISS's search ("" where the index is exact), and the part of the 50 nearest that it finds."""

    setting: str = ""
    recall: float = 1.0

    @property
    def enough(self) -> bool:
        """Whether it finds what a search is to find."""
        return self.recall >= ENOUGH


def tune(index: faiss.Index, vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> Search:
    """Give the index the cheapest setting that finds enough, or the best of all where none does; return it.

    `vectors` are those in the index. Exact search for a few hundred of the `queries` tells what there is to find.
    """
    rows = np.random.default_rng(0).permutation(len(queries))[:_ASKED]
    asked = np.ascontiguousarray(queries[np.sort(rows)], np.float32)
    count = min(NEAREST, len(vectors))
    exact, _ = faiss.knn(asked, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
    best = Search(recall=-1.0)
    for setting in _by_cost(index):
        apply(index, setting)
        cosines, rows = index.search(asked, count)
        found = (rows >= 0) & (cosines >= exact[:, -1:] - _SAME)
        best = max(best, Search(setting, round(float(found.mean()), 4)), key=lambda search: search.recall)
        if best.enough:
            break
    apply(index, best.setting)
    return best


def apply(index: faiss.Index, setting: str) -> None:
    """Let the index search with the setting from now on; FAISS writes it into the index's file, too."""
    if setting:
        faiss.ParameterSpace().set_index_parameters(index, setting)  # type: ignore[arg-type] # its stubs know one of two


def setting_of(index: faiss.Index) -> str:
    """Return the setting that the index searches with, "" where it is exact."""
    if (hnsw := getattr(index, "hnsw", None)) is not None:
        return f"efSearch={hnsw.efSearch}"
    if isinstance(index, faiss.IndexRefine):
        return _ivf(faiss.extract_index_ivf(index).nprobe, int(index.k_factor))
    return ""


def _by_cost(index: faiss.Index) -> Iterator[str]:
    """Yield the settings of an index, the cheapest first."""
    if getattr(index, "hnsw", None) is not None:
        yield from (f"efSearch={value}" for value in _EF_SEARCH)
        return
    lists = faiss.extract_index_ivf(index).nlist
    code, vector = index.d // 4, 4 * index.d  # bytes read for a page of a list, and for one that is compared exactly

    def cost(setting: tuple[int, int]) -> float:
        nprobe, k_factor = setting
        return nprobe * index.ntotal / lists * code + k_factor * NEAREST * vector

    for nprobe, k_factor in sorted(product(_NPROBE, _K_FACTOR), key=cost):
        if nprobe <= lists:
            yield _ivf(nprobe, k_factor)


def _ivf(nprobe: int, k_factor: int) -> str:
    return f"nprobe={nprobe},k_factor_rf={k_factor}"
