"""Measures recall@50 and search time of each kind of index, with tuned and with the earlier settings; one thread.

python benchmarks/ann_recall.py ivf --rows 300000 --dimension 128

Vectors are synthetic: groups of fifty on average within two hundred topics, of very uneven sizes, as in real data.
"""

from __future__ import annotations

import argparse
import resource
import time
from unittest.mock import patch

import faiss
import numpy as np
from numpy.typing import NDArray

from recall import ann, ann_tuning

_ASKED = 400
_BEFORE = {"hnsw": "efSearch=128", "ivf": "nprobe=1,k_factor_rf=1"}
_BELOW = {"hnsw": (0, 1 << 60), "ivf": (0, 0)}  # numbers of rows below which an index is flat, or HNSW


def clustered(rows: int, dimension: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return unit vectors (rows, dimension)."""
    topics = generator.normal(size=(200, dimension))
    groups = topics[generator.integers(200, size=rows // 50)] + 0.7 * generator.normal(size=(rows // 50, dimension))
    share = 1 / np.arange(1, len(groups) + 1) ** 0.7
    vectors = groups[generator.choice(len(groups), rows, p=share / share.sum())].astype(np.float32)
    vectors += 0.5 * generator.standard_normal(size=(rows, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measure(index: ann.AnnIndex, asked: NDArray[np.float32], least: NDArray[np.float32]) -> str:
    """Return recall@50 and the search time as text; `least` is the 50th best cosine of each vector."""
    start = time.perf_counter()
    found = [index.search(vector, ann_tuning.NEAREST)[1] for vector in asked]
    took = (time.perf_counter() - start) / len(asked)
    recall = np.mean([(cosines >= cosine - 1e-5).mean() for cosines, cosine in zip(found, least, strict=True)])
    return f"{index.setting}: recall@50 {recall:.3f}, {took * 1e6:,.0f} µs"


def main() -> None:
    """Build an index, query it with vectors that it was not tuned on, and print the figures of both settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=_BEFORE)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=64)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    vectors = clustered(options.rows, options.dimension, generator)
    start = time.perf_counter()
    with patch.multiple(ann, _FLAT_BELOW=_BELOW[options.kind][0], _HNSW_BELOW=_BELOW[options.kind][1]):
        index = ann.build(np.arange(len(vectors), dtype=np.uint64), vectors)
    print(f"{options.kind} {options.rows:,} x {options.dimension}: built in {time.perf_counter() - start:.0f} s")
    asked = vectors[np.sort(np.random.default_rng(1).permutation(len(vectors))[:_ASKED])]
    least = faiss.knn(asked, vectors, ann_tuning.NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[0][:, -1]
    faiss.omp_set_num_threads(1)
    print("now    ", measure(index, asked, least))
    ann_tuning.apply(index._index, _BEFORE[options.kind])
    print("before ", measure(index, asked, least))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
