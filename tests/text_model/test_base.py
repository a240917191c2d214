from __future__ import annotations

from pathlib import Path

import pytest
import torch

from configs.reading import SettingsError
from text_model.base import load_encoder, mean_pooled, resolve
from text_model.packaged import PACKAGED


def test_the_mean_ignores_padding() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert mean_pooled(states, torch.tensor([[1, 1, 0]])).item() == 2.0


def test_a_base_is_the_packaged_model_or_a_name_for_transformers(tmp_path: Path) -> None:
    assert (Path(resolve(PACKAGED)) / "tokenizer.json").is_file()
    assert resolve(str(tmp_path)) == str(tmp_path)


def test_a_missing_base_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no encoder could be loaded from"):
        load_encoder(str(tmp_path / "nothing"))
