"""Files of models on disk: which are GGUF files, and a name that tells models apart by their content."""

from __future__ import annotations

from pathlib import Path

from store.file_hashes import hash_files
from store.sha256 import sha256

_OF_A_MODEL = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"}  # endings of its files


def is_gguf(name: str | Path) -> bool:
    """Return whether a name is that of a GGUF file."""
    return str(name).lower().endswith(".gguf")


def identity(name: str) -> str:
    """Return the name of a file or folder with a hash of what it holds, however its path is spelt; others as they are.

    Others may come to lie at a path.
    """
    path = Path(name)
    if path.is_file():
        return f"{path.stem}-{sha256(path)[:12]}"
    files = sorted(file for file in path.rglob("*") if file.suffix in _OF_A_MODEL and file.is_file())
    return f"{path.resolve().name}-{hash_files(files)[:12]}" if files else name
