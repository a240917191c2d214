"""RecoDCG of every list that an experiment showed, from judged pairs or a simulated web."""

# ruff: noqa: S608 - names in the SQL are constants; file names are quoted, values are parameters

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.files.sql_quoting import quoted
from corpus.urls.url import page_ids
from evaluation.metrics.ndcg import TOP
from evaluation.metrics.reco_dcg import reco_dcg
from evaluation.truth import Truth, truth_of_pages

_LISTS = f"SELECT DISTINCT url1, urls[:{TOP}] AS urls FROM impression"
_AT_ONCE = 10_000  # lists in memory


def add_quality(connection: duckdb.DuckDBPyConnection, truth: Truth | None) -> None:
    """Create the table `quality`: RecoDCG@5 by url1 and list, NULL where no pair is judged; empty without a truth."""
    connection.execute("CREATE TABLE quality (url1 VARCHAR, urls VARCHAR[], reco_dcg DOUBLE)")
    if truth is None:
        return
    lists = connection.cursor().sql(_LISTS).to_arrow_reader(_AT_ONCE)
    for batch in lists:
        judged = _judged(batch, truth)  # noqa: F841 - the query reads it
        connection.execute("INSERT INTO quality SELECT * FROM judged")


def _judged(batch: pa.RecordBatch, truth: Truth) -> pa.Table:
    rows = [_of_list(row["url1"], row["urls"], truth) for row in batch.to_pylist()]
    scores = reco_dcg(np.array(rows).reshape(-1, TOP), TOP)
    return pa.table(
        {"url1": batch["url1"], "urls": batch["urls"], "reco_dcg": pa.array(scores, from_pandas=True)}  # NaN is null
    )


def _of_list(url1: str | None, urls: list[str | None], truth: Truth) -> NDArray[np.float64]:
    """Return the quality of each position; 0 for empty ones, NaN for pages that the log could not name."""
    quality = np.zeros(TOP)
    quality[: len(urls)] = np.nan
    known = {place: url for place, url in enumerate(urls) if url is not None}
    if url1 is not None and known:
        quality[list(known)] = truth.quality(int(page_ids([url1])[0]), page_ids(list(known.values())))
    return quality


def truth_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Truth:
    """Open judged pairs (url1, url2, quality) or a simulated web's `web.parquet`. Raises InputError without a pair."""

    def write(out: Path) -> None:
        pages = "SELECT url1 AS url FROM impression UNION SELECT unnest(urls) FROM impression"
        rows = f"SELECT url, '-' AS title, '' AS snippet FROM ({pages}) WHERE url IS NOT NULL"
        connection.execute(f"COPY ({rows}) TO {quoted(str(out))}")

    return truth_of_pages(path, write)
