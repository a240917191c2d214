"""What a language model said of a page's candidates: kept on disk, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evidence.prompt_tokens import Sequenced
from store.blob_cache import BlobCache


class ScoreCache(BlobCache):
    """Scores by model, prompt and candidates. Raises SettingsError as `BlobCache` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "scores")

    def get(self, key: bytes, candidates: int) -> NDArray[np.float32] | None:
        """Return the candidates' scores, None where the model was not asked or its answer is damaged."""
        blob = self.read(key)
        if blob is None or len(blob) != 4 * candidates:
            return None
        found: NDArray[np.float32] = np.frombuffer(blob, "<f4")
        return found if np.isfinite(found).all() else None

    def put(self, key: bytes, found: NDArray[np.float32]) -> None:
        """Store the scores of one prompt's candidates."""
        self.write(key, found.astype("<f4").tobytes())


def key_of(model: bytes, sequence: Sequenced) -> bytes:
    """Return the key of a prompt and its candidates, by their tokens, and the hash of the model."""
    digest = hashlib.sha256(model)
    for column in (sequence.ids, sequence.branch):
        digest.update(column.numpy().tobytes())
    return digest.digest()
