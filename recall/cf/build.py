"""Collaborative filtering: ALS embeddings of pages from the co-click graph (Zhou et al., 2008)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from configs import threads
from recall import ann
from recall.cf.config import CfConfig


def build(
    page1: NDArray[np.uint64],
    page2: NDArray[np.uint64],
    near: NDArray[np.float64],
    config: CfConfig,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
) -> ann.AnnIndex:
    """Return a cosine index of page embeddings; pages without an edge are left out.

    The graph is made symmetric: the weight of an edge is the sum over both directions. `progress` is called with
    the iterations done.
    """
    linked = near > 0
    pages, codes = np.unique(np.concatenate([page1[linked], page2[linked]]), return_inverse=True)
    if len(pages) == 0:
        return ann.build(pages, np.empty((0, config.dimension), np.float32))
    rows, columns = np.split(codes, 2)
    graph = csr_matrix((near[linked], (rows, columns)), shape=(len(pages), len(pages)))
    graph = (graph + graph.T).tocsr().astype(np.float32)
    graph.data = config.confidence * np.log1p(graph.data)
    with threadpool_limits(1, "blas"):  # ALS has its own threads; BLAS threads besides them make it ten times slower
        model = AlternatingLeastSquares(
            factors=min(config.dimension, len(pages)),
            regularization=config.regularization,
            iterations=config.iterations,
            random_state=seed,
            num_threads=threads.used(),
        )
        model.fit(graph, show_progress=False, callback=lambda iteration, *_: progress(iteration + 1))
    return ann.build(pages, np.asarray(model.item_factors))
