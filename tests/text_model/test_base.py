from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import DistilBertConfig, DistilBertModel, PreTrainedModel

from configs.reading import SettingsError
from text_model.base import (
    PACKAGED,
    freeze,
    hidden_states,
    load_encoder,
    lower_states,
    mean_pooled,
    pair_states,
    resolve,
    upper_pair_states,
)


@pytest.fixture(scope="module")
def encoder() -> PreTrainedModel:
    return load_encoder(PACKAGED)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 20_000, (3, 16), generator=generator)
    mask = (torch.arange(16) < torch.tensor([[16], [9], [4]])).long()
    kinds = (torch.arange(16) >= 6).long().expand(3, 16) * mask
    return {"input_ids": ids * mask, "token_type_ids": kinds, "attention_mask": mask}


def test_the_first_of_a_pairs_states_is_that_of_the_whole_encoder(
    encoder: PreTrainedModel, batch: dict[str, Tensor]
) -> None:
    with torch.inference_mode():
        whole = hidden_states(encoder, **batch)[:, 0]
        assert (pair_states(encoder, **batch)[:, 0] - whole).abs().max() < 1e-4


def test_a_page_asks_its_own_tokens_alone(encoder: PreTrainedModel, batch: dict[str, Tensor]) -> None:
    masks = batch["token_type_ids"], batch["attention_mask"]
    with torch.inference_mode():
        states = lower_states(encoder, 5, **batch)
        before = upper_pair_states(encoder, 5, states, *masks)
        states[:, 12:] += 1  # of page 2, or padding
        after = upper_pair_states(encoder, 5, states, *masks)
    assert torch.equal(before[:, 1], after[:, 1])
    assert (before[0, 2] - after[0, 2]).abs().max() > 0.1
    assert torch.equal(before[1, 2], after[1, 2])  # what is padding there


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_lower_and_upper_layers_make_the_whole(encoder: PreTrainedModel, batch: dict[str, Tensor], layers: int) -> None:
    with torch.inference_mode():
        states = lower_states(encoder, layers, **batch)
        split = upper_pair_states(encoder, layers, states, batch["token_type_ids"], batch["attention_mask"])
        assert (split - pair_states(encoder, **batch)).abs().max() < 1e-4


def test_the_mean_passes_over_padding() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert mean_pooled(states, torch.tensor([[1, 1, 0]])).item() == 2.0


def test_a_base_is_the_packaged_model_or_whatever_transformers_loads(tmp_path: Path) -> None:
    assert (Path(resolve(PACKAGED)) / "tokenizer.json").is_file()
    assert resolve(str(tmp_path)) == str(tmp_path)


def test_a_base_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no encoder could be loaded from"):
        load_encoder(str(tmp_path / "nothing"))


def test_layers_of_an_encoder_that_is_not_split_are_not_frozen() -> None:
    shape = DistilBertConfig(vocab_size=50, dim=8, n_layers=2, n_heads=2, hidden_dim=16)
    with pytest.raises(SettingsError, match="frozen_layers is for BERT and its like, not distilbert"):
        freeze(DistilBertModel(shape), 1)
