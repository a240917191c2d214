"""API keys, from a file that may change while the gateway runs."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from configs.reading import SettingsError
from configs.text_file import read_text
from configs.watched_file import WatchedFile
from service.admission.refusal import Unauthorized

_HASHED = re.compile(r"sha256:([0-9a-f]{64})")


class ApiKeys:
    """The keys of a file, one per line: `name key`, or `name sha256:<64 hex digits>`; `#` starts a comment.

    A changed file is read again; while it cannot be read, the previous keys stay valid. The constructor raises
    SettingsError.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, setting: str = "keys.file") -> None:
        self._names = WatchedFile(path, partial(_read, setting=setting), "the previous API keys stay valid", clock)

    def name(self, key: str | None) -> str:
        """Return the name of a key. Raises Unauthorized."""
        names = self._names.value()
        found = None if key is None else names.get(_digest(key))
        if found is None:
            raise Unauthorized
        return found


def sent_key(authorization: str | None, x_api_key: str | None) -> str | None:
    """Return the key that a request sent in `Authorization: Bearer` or `X-API-Key`."""
    scheme, _, key = (authorization or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else x_api_key


def _digest(key: str) -> bytes:
    """Return the digest by which a key is looked up, so that the timing of look-ups reveals nothing about keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _read(path: Path, setting: str) -> dict[bytes, str]:
    """Return the names by the SHA-256 of their keys; of two names for one key the last one wins."""
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting}: {path} cannot be read ({type(error).__name__})") from None
    names = {}
    for number, line in enumerate(lines, 1):
        if not (words := line.partition("#")[0].split()):
            continue
        if len(words) != 2:  # never the line itself: it holds a key
            raise SettingsError(f"{setting}: line {number} of {path} is not a key: write `name key`")
        hashed = _HASHED.fullmatch(words[1])
        names[bytes.fromhex(hashed[1]) if hashed else _digest(words[1])] = words[0]
    if not names:
        raise SettingsError(f"{setting}: {path} holds no keys: write `name key`, one per line")
    return names
