"""The hash of a model on disk that the build reads."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from store.file_hashes import hash_files
from text_model.base import resolve


def hash_model(name: str) -> str:
    """Return a hash of a model's files; of no files for a model of the hub, which the configuration names."""
    return _hash_of(Path(resolve(name))) if name else ""


@cache
def _hash_of(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return hash_files([file for file in files if file.is_file()])
