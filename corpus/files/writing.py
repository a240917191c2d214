"""Exports rows to Parquet, CSV or JSON Lines, depending on the file's extension."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from corpus.schema import InputError

ENDINGS = (".jsonl", ".csv", ".parquet")


def check_ending(path: Path) -> None:
    """Raise InputError if `write_rows` could not write the file; to be called before any expensive work."""
    if path.suffix not in ENDINGS:
        raise InputError(f"{path} has an unknown extension: use one of {' '.join(ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path.parent} is not a directory: create it first")


def write_rows(path: Path, rows: pa.Table) -> None:
    """Write a table; null is an empty field in CSV and `null` in JSON Lines. Raises InputError."""
    check_ending(path)
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".csv":
        pa_csv.write_csv(rows, path)
    else:
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows.to_pylist()))
