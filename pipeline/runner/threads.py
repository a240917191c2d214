"""Sets the number of threads of every library that a build runs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import faiss
import torch
from threadpoolctl import ThreadpoolController

from configs import threads

if TYPE_CHECKING:
    from pipeline.config import BuildConfig


def use_threads(config: BuildConfig) -> BuildConfig:
    """Set the threads of all libraries to `engine.threads`; return the settings with that number.

    DuckDB, LightGBM, `implicit` and ONNX Runtime get it with each call or session, the others here.
    """
    count = threads.threads(config.engine.threads)
    threads.use(count)
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    pools = ThreadpoolController()
    pools.select(user_api="openmp").limit(limits=count)
    pools.select(threading_layer="openmp").limit(limits=count)  # FAISS's BLAS
    # NumPy's and SciPy's BLAS has threads of its own, which spin in any case: two cost a matrix of a few hundred rows
    # ten times the CPU time of one.
    pools.select(threading_layer="pthreads").limit(limits=1)
    os.environ.setdefault("RAYON_NUM_THREADS", str(count))  # of the tokenizers, read at their first batch
    return config.model_copy(update={"engine": replace(config.engine, threads=count)})
