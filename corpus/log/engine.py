"""The engine for log queries: the same Ibis expressions run on embedded DuckDB or on a Spark cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import ibis
import ibis.expr.types as ir


class Engine(Protocol):
    """The part of an Ibis backend that build steps use."""

    def read_parquet(self, path: str) -> ir.Table:
        """Return a Parquet file as a table."""
        ...

    def to_parquet(self, table: ir.Table, path: str) -> None:
        """Compute an expression and write it to one file."""
        ...


@contextmanager
def running(name: str, threads: int, memory: str, directory: Path) -> Iterator[Engine]:
    """Yield the engine `duckdb` or `spark`; Spark's temporary files are kept in `directory`.

    Raises InputError if Spark is not installed.
    """
    if name == "duckdb":
        yield connect(threads=threads, memory=memory)
        return
    from corpus.log.spark import SparkEngine

    spark = SparkEngine(directory, threads, memory)
    try:
        yield spark
    finally:
        spark.close()


def connect(*, threads: int = 2, memory: str = "2GB") -> Engine:
    """Return embedded DuckDB as an Ibis backend."""
    engine = ibis.duckdb.connect(threads=threads, memory_limit=memory, preserve_insertion_order=False)
    engine.raw_sql("SET enable_progress_bar = false")  # it would be drawn into a log file, too
    return engine


def write(engine: Engine, table: ir.Table, path: Path) -> None:
    """Compute an expression and write it to one Parquet file, atomically by a rename."""
    working = path.with_suffix(".writing")
    engine.to_parquet(table, str(working))
    working.replace(path)
