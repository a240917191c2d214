"""A disk cache of answers by hash of model and prompt: no answer is paid for twice, and killed runs can resume."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import orjson

from prompting.answer import Answer


class AnswerCache:
    """One SQLite file; once `put` returns, an answer survives a kill of the process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")  # two runs may share the file
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB) WITHOUT ROWID")

    def get(self, key: bytes) -> Answer | None:
        """Return the answer for `key`, None if it is missing or unreadable."""
        row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else Answer.from_json(row[0])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def put(self, key: bytes, answer: Answer) -> None:
        """Store an answer."""
        self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, answer.to_json()))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def cache_key(model: str, prompt: str, parameters: dict[str, object]) -> bytes:
    """Return the SHA-256 of model, prompt and parameters."""
    return hashlib.sha256(orjson.dumps([model, prompt, parameters], option=orjson.OPT_SORT_KEYS)).digest()
