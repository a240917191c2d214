"""Models are told apart by what their files hold, not by how their path is spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.model_files import identity, is_gguf


def test_the_ending_of_a_gguf_file_may_have_capitals() -> None:
    assert is_gguf("a.gguf") and is_gguf(Path("A.GGUF")) and not is_gguf("gguf") and not is_gguf("a.bin")


def test_a_folder_spelt_otherwise_is_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    spelt = ("model", "./model", "model/", "../" + tmp_path.name + "/model", str(tmp_path / "model"))
    assert len({identity(name) for name in spelt}) == 1


@pytest.mark.parametrize("name", ["model.safetensors", "chat_template.jinja", "parts/adapter.bin"])
def test_other_files_are_another_model(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("one")
    before = identity(str(tmp_path))
    (tmp_path / "notes.md").write_text("no part of the model")
    assert identity(str(tmp_path)) == before
    file.write_text("two")
    assert identity(str(tmp_path)) != before


def test_what_is_not_on_disk_is_a_name_of_the_hub() -> None:
    assert identity("someone/small-model") == "someone/small-model"
