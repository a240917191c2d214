"""A disk cache of blobs by key: nothing is asked or computed twice, and a killed run goes on where it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from configs.reading import SettingsError


class BlobCache:
    """One SQLite file; once `write` returns, a blob survives a kill of the process. Several runs may share the file.

    Raises SettingsError where the file cannot be used as one.
    """

    def __init__(self, path: Path, table: str) -> None:
        """Open the file, or make it; `table` is a name of the code's own."""
        self._table = table
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from None
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (key BLOB PRIMARY KEY, blob BLOB) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            self._connection.close()
            raise _unusable(path, error) from None

    def read(self, key: bytes) -> bytes | None:
        """Return the blob of a key, None where there is none or another kind of value."""
        row = self._connection.execute(f"SELECT * FROM {self._table} WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return row[1] if row is not None and isinstance(row[1], bytes) else None

    def write(self, key: bytes, blob: bytes) -> None:
        """Store a blob, or replace it."""
        self._connection.execute(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)", (key, blob))  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _unusable(path: Path, error: Exception) -> SettingsError:
    return SettingsError(f"{path} cannot be used as a cache ({error}): delete it, or name a file that can be written")
