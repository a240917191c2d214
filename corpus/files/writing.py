"""Writes rows for people and other programs: Parquet, CSV or JSON Lines by the file's ending."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from corpus.schema import InputError

ENDINGS = (".jsonl", ".csv", ".parquet")


def check_ending(path: Path) -> None:
    """Raise InputError for a file that `write_rows` could not write, before any work is done for it."""
    if path.suffix not in ENDINGS:
        raise InputError(f"{path} has an unknown ending: use one of {' '.join(ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path.parent} is no directory: make it first")


def write_rows(path: Path, rows: pa.Table) -> None:
    """Write a table; a null is an empty field of CSV and `null` in JSON Lines. Raises InputError."""
    check_ending(path)
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".csv":
        pa_csv.write_csv(rows, path)
    else:
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows.to_pylist()))
