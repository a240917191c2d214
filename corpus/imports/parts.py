"""The records of one tool as Parquet files, written in batches: what the tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

_AT_ONCE = 50_000  # rows
_MOST_CHARACTERS = 16 << 20  # of text in a batch
_TIME = pa.timestamp("us", "UTC")

#: Name of a part -> its columns. Addresses are canonical; `address` is corpus.urls.url.address_key.
SCHEMAS: Mapping[str, pa.Schema] = {
    "views": pa.schema(
        [
            ("session", pa.uint64()),
            ("url", pa.string()),
            ("address", pa.uint64()),
            ("time", _TIME),
            ("title", pa.string()),
            ("dwell_s", pa.float32()),
        ]
    ),
    "engagements": pa.schema(
        [("session", pa.uint64()), ("url", pa.string()), ("time", _TIME), ("seconds", pa.float32())]
    ),
    "pages": pa.schema(
        [
            ("url", pa.string()),
            ("address", pa.uint64()),
            ("title", pa.string()),
            ("snippet", pa.string()),
            ("language", pa.string()),
            ("published", _TIME),
            ("body", pa.string()),
            ("listed", pa.bool_()),
        ]
    ),
    "aliases": pa.schema([("url", pa.string()), ("target", pa.string()), ("address", pa.uint64())]),  # the target's
    "translations": pa.schema([("url", pa.string()), ("other", pa.string())]),
}


class Parts:
    """Writes rows to `<part>.parquet` files in a directory; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._stack = directory, ExitStack()
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SCHEMAS}
        self._characters = 0

    def __enter__(self) -> Self:
        self._writers = {
            name: self._stack.enter_context(
                pq.ParquetWriter(self._directory / f"{name}.parquet", schema, compression="zstd")
            )
            for name, schema in SCHEMAS.items()
        }
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if error[0] is None:
                for name in SCHEMAS:
                    self._flush(name)
        finally:
            self._stack.close()

    def add(self, part: str, *row: Any) -> None:
        """Add a row, with its values in the order of the part's columns."""
        rows = self._rows[part]
        rows.append(row)
        self._characters += sum(len(value) for value in row if isinstance(value, str))
        if len(rows) >= _AT_ONCE:
            self._flush(part)
        elif self._characters > _MOST_CHARACTERS:
            self._characters = 0
            for name in SCHEMAS:
                self._flush(name)

    def _flush(self, part: str) -> None:
        if rows := self._rows[part]:
            schema = SCHEMAS[part]
            columns = zip(*rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            self._writers[part].write_table(pa.table(arrays, schema=schema))
            rows.clear()
