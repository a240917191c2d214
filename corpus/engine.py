"""The engine for log work: one set of Ibis expressions, run by embedded DuckDB or by a Spark cluster."""

from __future__ import annotations

from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend


def connect(engine: str = "duckdb", *, threads: int = 2, memory: str = "2GB") -> BaseBackend:
    """Return an Ibis backend.

    `engine` is `duckdb` or `spark`; for Spark the session's own configuration says which cluster.
    """
    if engine == "duckdb":
        return ibis.duckdb.connect(threads=threads, memory_limit=memory, preserve_insertion_order=False)
    if engine == "spark":
        from pyspark.sql import SparkSession

        return ibis.pyspark.connect(SparkSession.builder.appName("onward").getOrCreate())
    raise ValueError(f"engine is {engine!r}: set it to 'duckdb' or 'spark'")


def write(backend: BaseBackend, table: ir.Table, path: Path) -> None:
    """Compute an expression into one Parquet file; written beside and renamed."""
    working = path.with_suffix(".writing")
    backend.to_parquet(table, str(working))
    working.replace(path)
