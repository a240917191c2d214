"""The engine for log work: one set of Ibis expressions, run by embedded DuckDB or by a Spark cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import ibis
import ibis.expr.types as ir


class Engine(Protocol):
    """What the steps ask of an Ibis backend."""

    def read_parquet(self, path: str) -> ir.Table:
        """Return a table of a file."""
        ...

    def to_parquet(self, table: ir.Table, path: str) -> None:
        """Compute an expression into one file."""
        ...


@contextmanager
def running(name: str, threads: int, memory: str, directory: Path) -> Iterator[Engine]:
    """Yield the engine `duckdb` or `spark`; what Spark needs on disk meanwhile lies in `directory`.

    Raises InputError where Spark is not installed.
    """
    if name == "duckdb":
        yield connect(threads=threads, memory=memory)
        return
    from corpus.spark import SparkEngine

    spark = SparkEngine(directory, threads, memory)
    try:
        yield spark
    finally:
        spark.close()


def connect(*, threads: int = 2, memory: str = "2GB") -> Engine:
    """Return embedded DuckDB as an Ibis backend."""
    return ibis.duckdb.connect(threads=threads, memory_limit=memory, preserve_insertion_order=False)


def write(engine: Engine, table: ir.Table, path: Path) -> None:
    """Compute an expression into one Parquet file; written beside and renamed."""
    working = path.with_suffix(".writing")
    engine.to_parquet(table, str(working))
    working.replace(path)
