"""Stores answers and call counts on disk: fresh answers are reused, and the daily budget spans runs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from configs.reading import SettingsError
from recall.qprime.engines.search_engine import Hits

DAY = 86_400  # seconds
_FORMAT = 1  # part of the key: after a change old answers are ignored, and deleted when they expire
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, asked REAL NOT NULL, pages BLOB, scores BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_asked ON answers (asked);
CREATE TABLE IF NOT EXISTS calls (
    provider TEXT, day INTEGER, calls INTEGER NOT NULL, PRIMARY KEY (provider, day)
) WITHOUT ROWID;
"""


class SearchStore:
    """One SQLite file; an answer survives a kill of the process once `put` returns.

    Several runs may share the file: each call is counted in a transaction, so together they stay within the budget.
    """

    def __init__(self, path: Path, freshness_s: float, clock: Callable[[], float]) -> None:
        """Open the file and delete expired answers. Raises SettingsError if the file cannot be used."""
        self._freshness, self._clock = freshness_s, clock
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        except (OSError, sqlite3.Error):
            raise _unusable(path) from None
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
            self._connection.execute("DELETE FROM answers WHERE asked <= ?", (clock() - freshness_s,))
            self._connection.execute("DELETE FROM calls WHERE day < ?", (self._day(),))
        except sqlite3.Error:
            self._connection.close()
            raise _unusable(path) from None

    def get(self, key: bytes) -> Hits | None:
        """Return the answer stored under `key`, if it is fresh."""
        row = self._connection.execute(
            "SELECT pages, scores FROM answers WHERE key = ? AND asked > ?", (key, self._clock() - self._freshness)
        ).fetchone()
        return None if row is None else Hits(np.frombuffer(row[0], "<u8"), np.frombuffer(row[1], "<f4"))

    def put(self, key: bytes, hits: Hits) -> None:
        """Store an answer with the current time."""
        columns = hits.pages.astype("<u8").tobytes(), hits.scores.astype("<f4").tobytes()
        self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (key, self._clock(), *columns))

    def calls(self, provider: str) -> int:
        """Return the number of calls today (UTC)."""
        row = self._connection.execute(
            "SELECT calls FROM calls WHERE provider = ? AND day = ?", (provider, self._day())
        ).fetchone()
        return 0 if row is None else int(row[0])

    def take_call(self, provider: str, a_day: int) -> bool:
        """Count one call against today's budget; return False, without counting, if it is used up."""
        if a_day < 1:
            return False
        taken = self._connection.execute(
            "INSERT INTO calls VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1 WHERE calls < ?",
            (provider, self._day(), a_day),
        )
        return taken.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _day(self) -> int:
        return int(self._clock() // DAY)


def answer_key(provider: str, source: str, query: str, limit: int) -> bytes:
    """Return the SHA-256 of everything that an answer depends on."""
    return hashlib.sha256(orjson.dumps([_FORMAT, provider, source, query, limit])).digest()


def _unusable(path: Path) -> SettingsError:
    return SettingsError(f"ONWARD_SEARCH_STORE: cannot write answers to {path}: name a writable file")
