"""A disk cache of answers by hash of model and prompt: no answer is paid for twice, and killed runs can resume."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from prompting.answer import Answer
from store.blob_cache import BlobCache


class AnswerCache(BlobCache):
    """Answers of language models; an unreadable one is missing. Raises SettingsError as `BlobCache` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "answers")

    def get(self, key: bytes) -> Answer | None:
        """Return the answer for `key`, None if it is missing or unreadable."""
        blob = self.read(key)
        try:
            return None if blob is None else Answer.from_json(blob)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def put(self, key: bytes, answer: Answer) -> None:
        """Store an answer."""
        self.write(key, answer.to_json())


def cache_key(model: str, prompt: str, parameters: dict[str, object]) -> bytes:
    """Return the SHA-256 of model, prompt and parameters."""
    return hashlib.sha256(orjson.dumps([model, prompt, parameters], option=orjson.OPT_SORT_KEYS)).digest()
