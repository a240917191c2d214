"""What a language model said of a page's candidates: kept on disk, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evidence.prompt_tokens import Sequenced


class ScoreCache:
    """One SQLite file of scores by model, prompt and candidates; it survives a kill once `put` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, found BLOB) WITHOUT ROWID")

    def get(self, key: bytes, candidates: int) -> NDArray[np.float32] | None:
        """Return the candidates' scores, None where the model was not asked or its answer is damaged."""
        row = self._connection.execute("SELECT found FROM scores WHERE key = ?", (key,)).fetchone()
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 4 * candidates:
            return None
        found: NDArray[np.float32] = np.frombuffer(row[0], "<f4")
        return found if np.isfinite(found).all() else None

    def put(self, key: bytes, found: NDArray[np.float32]) -> None:
        """Store the scores of one prompt's candidates."""
        self._connection.execute("INSERT OR REPLACE INTO scores VALUES (?, ?)", (key, found.astype("<f4").tobytes()))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def key_of(model: bytes, sequence: Sequenced) -> bytes:
    """Return the key of a prompt and its candidates, by their tokens, and the hash of the model."""
    digest = hashlib.sha256(model)
    for column in (sequence.ids, sequence.branch):
        digest.update(column.numpy().tobytes())
    return digest.digest()
