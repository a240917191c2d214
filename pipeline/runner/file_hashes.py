"""Hashes of files that the build reads: input tables, and models on disk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import xxhash

from text_model.base import resolve


def hash_files(paths: Sequence[Path]) -> str:
    """Return a hash of the names and bytes of files."""
    digest = xxhash.xxh3_128()
    for path in paths:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def hash_model(name: str) -> str:
    """Return a hash of a model's files; of no files for a model of the hub, which the configuration names."""
    return _hash_of(Path(resolve(name))) if name else ""


@cache
def _hash_of(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return hash_files([file for file in files if file.is_file()])
