"""Times single uncached requests: the whole cascade, and all of it except the cross-encoder.

python benchmarks/request_latency.py demo/bundles --requests 200
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from cascade.deadline import Deadline
from cascade.trace import Trace
from cascade.types import Query
from service.bootstrap import load
from service.settings import read_settings
from store.bundle import open_bundle
from store.tables import LmdbTable

_WARM = 20


def main() -> None:
    """Print medians in milliseconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--requests", type=int, default=200)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments.bundles, arguments.requests)), indent=1))


async def measure(bundles: Path, requests: int) -> dict[str, object]:
    """Request random pages, one at a time; return medians over all but the first few."""
    pages = _some_pages(bundles, requests + _WARM)
    gateway = load(bundles, read_settings(None, (), {}))
    cascade = gateway.live.bundle.cascade
    total, parts, pairs = [], defaultdict(list), []
    for page in pages:
        trace = Trace(explain=True)
        start = time.perf_counter()
        await cascade.run(Query("https://known.invalid/", page), 5, Deadline.never(), trace)
        total.append((time.perf_counter() - start) * 1e3)
        pairs.append(len(trace.stages.get("stage1", ())))
        for name, ms in trace.ms.items():
            parts[name].append(ms)
    await gateway.close()
    whole, encoder = np.array(total[_WARM:]), np.array(parts["cross_encoder"][_WARM:])
    return {
        "requests": len(whole),
        "pairs_p50": float(np.median(pairs)),
        "total_ms_p50": _ms(whole),
        "total_ms_p95": round(float(np.quantile(whole, 0.95)), 2),
        "cross_encoder_ms_p50": _ms(encoder),
        "everything_else_ms_p50": _ms(whole - encoder),
        "parts_ms_p50": {name: _ms(np.array(values[_WARM:])) for name, values in parts.items()},
    }


def _some_pages(bundles: Path, count: int) -> list[int]:
    table = LmdbTable(open_bundle(bundles).file("tables/coclick.lmdb"))
    pages = np.array([page for page, _ in table.items()], np.uint64)
    table.close()
    return np.random.default_rng(0).permutation(pages)[:count].tolist()


def _ms(values: np.ndarray) -> float:
    return round(float(np.median(values)), 2)


if __name__ == "__main__":
    main()
