"""One hash of several files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xxhash


def hash_files(paths: Sequence[Path]) -> str:
    """Return a hash of the names and bytes of files."""
    digest = xxhash.xxh3_128()
    for path in paths:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
