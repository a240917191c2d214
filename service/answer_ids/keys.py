"""The keys that sign answer IDs: of a file that may change while the gateway runs, or one random key per start."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from configs.reading import SettingsError
from configs.text_file import read_text
from configs.watched_file import WatchedFile

_SETTING = "feedback.key_file"
_LEAST = 32  # characters of a key
_FIX = "write one key per line, such as the output of `openssl rand -hex 32`; the first line signs, all lines verify"


class SigningKeys(Protocol):
    """Returns the valid keys; the first one signs."""

    def value(self) -> tuple[bytes, ...]: ...


class OneKey:
    """A key without a file; all workers of one start share it."""

    def __init__(self, key: bytes) -> None:
        self._keys = (_derived(key),)

    def value(self) -> tuple[bytes, ...]:
        return self._keys


def key_file(path: Path, clock: Callable[[], float] = time.monotonic) -> SigningKeys:
    """Return the keys of a file, one per line; `#` starts a comment. Raises SettingsError."""
    return WatchedFile(path, _read, "the previous keys still sign answer IDs", clock)


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{_SETTING}: {path} cannot be read ({type(error).__name__}): {_FIX}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if not (words := line.partition("#")[0].split()):
            continue
        if len(words) != 1 or len(words[0]) < _LEAST:  # never the line itself: it holds a key
            raise SettingsError(f"{_SETTING}: line {number} of {path} is not a key of {_LEAST} characters: {_FIX}")
        keys.append(_derived(words[0].encode()))
    if not keys:
        raise SettingsError(f"{_SETTING}: {path} holds no keys: {_FIX}")
    return tuple(keys)


def _derived(secret: bytes) -> bytes:
    return blake2b(secret, digest_size=32, person=b"onward.answer_id").digest()
