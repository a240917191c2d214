"""Spark for log queries: reads and writes the same Parquet files as DuckDB.

Spark has no unsigned integers, writes directories, and takes the time zone from its session. So DuckDB stages Spark's
input, with PageIds as int64, and merges its output into one file: PageIds unsigned, times in UTC, rows in order.
"""

# ruff: noqa: S608 - file names are quoted by corpus.files.sql_quoting, column names are those of our own tables

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from corpus.files.sql_quoting import quoted, quoted_name
from corpus.schema import InputError

_PAGE_IDS = frozenset({"page", "page1", "page2", "neighbour"})
_MIDDLE = 1 << 63  # subtracted from a PageId: gives an int64 with the same order


class SparkEngine:
    """An Engine on a Spark session; call `close` when done.

    The session is set by `SPARK_REMOTE` or Spark's own configuration. It must be able to read `directory`.
    """

    def __init__(self, directory: Path, threads: int, memory: str) -> None:
        """Connect. Raises InputError if PySpark is not installed."""
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise InputError("engine.name is spark but PySpark is not installed: pip install 'onward[spark]'") from None
        self._backend = ibis.pyspark.connect(SparkSession.builder.appName("onward").getOrCreate())
        self._backend._session.conf.set("spark.sql.session.timeZone", "UTC")
        self._staging = Path(tempfile.mkdtemp(prefix=".spark-", dir=directory.resolve()))
        self._numbers = count()
        self._duckdb = duckdb.connect(config={"threads": threads, "memory_limit": memory})
        self._duckdb.execute("SET TimeZone = 'UTC'")

    def read_parquet(self, path: str) -> ir.Table:
        """Return a Parquet file as a table with PageIds as int64."""
        staged = self._staging / f"{next(self._numbers)}.parquet"
        source = f"read_parquet({quoted(path)})"
        names = [name for name, kind in self._columns(source) if kind == "UBIGINT"]
        self._copy(source, {name: f"({name}::HUGEINT - {_MIDDLE})::BIGINT" for name in names}, (), staged)
        return self._backend.read_parquet(str(staged))

    def to_parquet(self, table: ir.Table, path: str) -> None:
        """Compute an expression and write it to one file, in the expression's order."""
        order: list[str] = []
        operation = table.op()
        if isinstance(operation, ops.Sort):  # DuckDB sorts, by unsigned PageIds
            order = [f"{quoted_name(key.name)} {'' if key.ascending else 'DESC'}" for key in operation.keys]
            table = operation.parent.to_expr()
        folder = self._staging / str(next(self._numbers))
        self._backend.to_parquet(table, str(folder))
        source = f"read_parquet({quoted(str(folder / '*.parquet'))})"
        casts = {}
        for name, kind in self._columns(source):
            if name in _PAGE_IDS:
                casts[name] = f"({name}::HUGEINT + {_MIDDLE})::UBIGINT"
            elif kind.startswith("TIMESTAMP"):
                casts[name] = f"{name}::TIMESTAMPTZ"
        self._copy(source, casts, order, Path(path))
        shutil.rmtree(folder)

    def close(self) -> None:
        """Remove staged files; the session stays open."""
        self._duckdb.close()
        shutil.rmtree(self._staging, ignore_errors=True)

    def _columns(self, source: str) -> list[tuple[str, str]]:
        return [(name, kind) for name, kind, *_ in self._duckdb.execute(f"DESCRIBE FROM {source}").fetchall()]

    def _copy(self, source: str, columns: dict[str, str], order: Iterable[str], path: Path) -> None:
        """Write the rows of `source` to a file, with some columns replaced."""
        changed = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        rows = f"SELECT *{f' REPLACE ({changed})' if changed else ''} FROM {source}"
        sorting = f" ORDER BY {', '.join(order)}" if order else ""
        self._duckdb.execute(f"COPY ({rows}{sorting}) TO {quoted(str(path))} (FORMAT parquet)")
