"""Measures what threads that spin cost beside busy processes: wall and CPU time of typical calls, with and without.

python benchmarks/waiting_threads.py --busy 1
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable

from configs.threads import PASSIVE


def training(threads: int) -> Callable[[], object]:
    """Return a training step of three layers of MiniLM's size."""
    import torch

    torch.set_num_threads(threads)
    layer = torch.nn.TransformerEncoderLayer(384, 12, 1_536, batch_first=True)
    model, inputs = torch.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), torch.randn(32, 48, 384)
    return lambda: model(inputs).square().mean().backward()


def heads(threads: int) -> Callable[[], object]:
    """Return a training step of the towers' heads."""
    import torch

    torch.set_num_threads(threads)
    head = torch.nn.Sequential(torch.nn.Linear(384, 256), torch.nn.GELU(), torch.nn.Linear(256, 128))
    inputs, target = torch.randn(512, 384), torch.arange(512)
    return lambda: torch.nn.functional.cross_entropy(head(inputs) @ head(inputs).T, target).backward()


def trees(threads: int) -> Callable[[], object]:
    """Return the training of 50 trees on 2,000 groups of 30 rows."""
    import lightgbm
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(60_000, 60))
    data = lightgbm.Dataset(rows, rows[:, 0] > 1, group=[30] * 2_000, free_raw_data=False, params={"verbosity": -1})
    settings = {"objective": "lambdarank", "num_threads": threads, "verbosity": -1, "force_row_wise": True}
    return lambda: lightgbm.train(settings, data, 50)


def search(threads: int) -> Callable[[], object]:
    """Return 500 searches among 5,000 vectors."""
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(threads)
    vectors = np.random.default_rng(0).normal(size=(5_000, 384)).astype(np.float32)
    index = faiss.IndexFlatIP(384)
    index.add(vectors)
    return lambda: index.search(vectors[:500], 128)


def axes(threads: int) -> Callable[[], object]:
    """Return NumPy's principal axes of 1,200 embeddings."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    rows = np.random.default_rng(0).normal(size=(1_200, 384))
    return lambda: np.linalg.eigh(rows.T @ rows)


CALLS = {
    "training": (training, 5),
    "heads": (heads, 40),
    "trees": (trees, 2),
    "search": (search, 10),
    "axes": (axes, 5),
}


def measured(name: str, threads: int) -> str:
    """Return wall and CPU time of one call, in ms."""
    make, times = CALLS[name]
    call = make(threads)
    call()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        call()
    spent = [1_000 * (now - then) / times for now, then in ((time.perf_counter(), wall), (time.process_time(), cpu))]
    return f"{spent[0]:8.1f} ms wall {spent[1]:8.1f} ms CPU"


def _busy() -> None:
    while True:
        pass


def main() -> None:
    """Print a line per call, way of waiting and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=1, help="busy processes beside")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(measured(given.one[0], int(given.one[1])))
        return
    others = [multiprocessing.Process(target=_busy, daemon=True) for _ in range(given.busy)]
    for other in others:
        other.start()
    clean = {name: value for name, value in os.environ.items() if name not in PASSIVE}
    for name in CALLS:
        for waiting, environment in (("spin", clean), ("sleep", clean | PASSIVE)):
            for threads in (2, 1):
                command = [sys.executable, __file__, "--one", name, str(threads)]
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
                print(f"{name:9} {threads} threads that {waiting:5} {done.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
