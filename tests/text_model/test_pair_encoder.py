from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel

from configs.reading import SettingsError
from text_model.base import hidden_states, load_encoder
from text_model.packaged import PACKAGED
from text_model.pair_encoder import PairEncoder

LENGTHS = ((6, 10), (6, 3), (2, 2))  # tokens of page 1 and page 2, per pair


@pytest.fixture(scope="module")
def encoder() -> PairEncoder:
    return PairEncoder(load_encoder(PACKAGED), 2)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    ids = torch.randint(1000, 20_000, (3, 16), generator=torch.Generator().manual_seed(0))
    place = torch.arange(16)
    mask = torch.stack([(place < a + b).long() for a, b in LENGTHS])
    kinds = torch.stack([(place >= a).long() for a, _ in LENGTHS]) * mask
    return {"input_ids": ids * mask, "token_type_ids": kinds, "attention_mask": mask}


def masks(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return batch["token_type_ids"], batch["attention_mask"]


def mpnet(joint: int) -> PairEncoder:
    torch.manual_seed(0)
    shape = MPNetConfig(
        vocab_size=20_000, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64,
        attn_implementation="eager",
    )  # fmt: skip
    return PairEncoder(MPNetModel(shape).eval(), joint)


def test_an_mpnets_layers_give_the_states_of_the_whole_encoder(batch: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        made = mpnet(3)
        whole = hidden_states(made.base, **batch)[:, 0]
        assert (made(**batch)[:, 0] - whole).abs().max() < 1e-4


def test_an_mpnet_reads_a_page_below_its_joint_layers_as_if_it_were_alone(batch: dict[str, Tensor]) -> None:
    alone, made = torch.zeros(1, 10, dtype=torch.long), mpnet(1)
    with torch.inference_mode():
        states = made.lower(2, **batch)[0, 6:]
        page2 = made.lower(2, batch["input_ids"][:1, 6:], alone, torch.ones_like(alone))
    assert (states - page2[0]).abs().max() < 1e-4


def test_with_all_layers_joint_the_first_state_matches_the_whole_encoder(batch: dict[str, Tensor]) -> None:
    base = load_encoder(PACKAGED)
    with torch.inference_mode():
        whole = hidden_states(base, **batch)[:, 0]
        assert (PairEncoder(base, 6)(**batch)[:, 0] - whole).abs().max() < 1e-4


def test_below_the_joint_layers_states_equal_those_of_the_single_page(
    encoder: PairEncoder, batch: dict[str, Tensor]
) -> None:
    alone = torch.zeros(1, 10, dtype=torch.long)
    with torch.inference_mode():
        states = encoder.lower(4, **batch)[0, 6:]
        page2 = encoder.lower(4, batch["input_ids"][:1, 6:], alone, torch.ones_like(alone))
    assert (states - page2[0]).abs().max() < 1e-4


def test_pages_attend_to_each_other_in_the_joint_layers(encoder: PairEncoder, batch: dict[str, Tensor]) -> None:
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    other["input_ids"][0, 8] = 999  # of page 2
    with torch.inference_mode():
        before, after = encoder(**batch), encoder(**other)
    assert (before[0] - after[0]).abs().amax(dim=1).min() > 1e-3
    assert torch.equal(before[1:], after[1:])


def test_a_pages_state_attends_only_to_its_own_tokens(encoder: PairEncoder, batch: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        states = encoder.lower(5, **batch)
        before = encoder.upper(5, states, *masks(batch))
        states[:, 12:] += 1  # of page 2, or padding
        after = encoder.upper(5, states, *masks(batch))
    assert torch.equal(before[:, 1], after[:, 1])
    assert (before[0, 2] - after[0, 2]).abs().max() > 0.1
    assert torch.equal(before[1, 2], after[1, 2])  # what is padding there


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_lower_then_upper_equals_forward(encoder: PairEncoder, batch: dict[str, Tensor], layers: int) -> None:
    with torch.inference_mode():
        split = encoder.upper(layers, encoder.lower(layers, **batch), *masks(batch))
        assert (split - encoder(**batch)).abs().max() < 1e-4


def test_frozen_layers_do_not_learn() -> None:
    encoder = PairEncoder(load_encoder(PACKAGED), 2)
    encoder.freeze(5)
    learns = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert all("layer.5." in name or "pooler" in name for name in learns)
    assert any("layer.5." in name for name in learns)


def test_layers_of_an_encoder_that_is_not_bert_like_cannot_be_frozen() -> None:
    shape = DistilBertConfig(vocab_size=50, dim=8, n_layers=2, n_heads=2, hidden_dim=16)
    with pytest.raises(SettingsError, match="frozen_layers is only for BERT-like models, not distilbert"):
        PairEncoder(DistilBertModel(shape), 1).freeze(1)


def test_an_encoder_without_joint_layers_is_refused() -> None:
    with pytest.raises(SettingsError, match="joint_layers is 0: give 1 or more"):
        PairEncoder(load_encoder(PACKAGED), 0)


@pytest.mark.parametrize("joint", [1, 2])
@pytest.mark.parametrize("shared", [True, False])
def test_states_of_two_pages_give_what_the_pair_gives(batch: dict[str, Tensor], joint: int, shared: bool) -> None:
    made = PairEncoder(load_encoder(PACKAGED), joint)
    ids, (first, second) = batch["input_ids"], (LENGTHS[0])
    page1, mask1 = ids[:1, :first], torch.ones(1, first, dtype=torch.long)
    page2 = torch.stack([ids[0, first : first + second], ids[1, :second]])
    mask2 = (torch.arange(second)[None] < torch.tensor([[second], [4]])).long()
    pair = torch.cat([page1.expand(2, -1), page2], dim=1)
    kinds = torch.cat([torch.zeros(2, first, dtype=torch.long), mask2], dim=1)
    with torch.inference_mode():
        whole = made(pair, kinds, torch.cat([mask1.expand(2, -1), mask2], dim=1))
        sides = [
            (made.page_states(one, torch.zeros_like(one), mask), mask) for one, mask in ((page1, mask1), (page2, mask2))
        ]
        own = int(made.single)
        states, masks_ = zip(*((s, torch.cat([m[:, :own], m], dim=1)) for s, m in sides), strict=True)
        rows = 1 if shared else 2
        found = made.joint(states[0].expand(rows, -1, -1), masks_[0].expand(rows, -1), states[1], masks_[1])
        columns = torch.rand(4, made.width) + 0.5
        scaled = [
            standardized(one, columns).expand(len(mask), -1, -1) for one, mask in zip(states, masks_, strict=True)
        ]
        again = made.joint(scaled[0], masks_[0], scaled[1], masks_[1], columns) if made.single else found
    assert made.single == (joint == 1)
    assert (whole - found).abs().max() < 1e-4 and (whole - again).abs().max() < 1e-4


def standardized(states: Tensor, columns: Tensor) -> Tensor:
    """Return states after an own row as the joint layer reads them together with `columns`."""
    means, deviations = (
        torch.cat([columns[at, None], columns[at + 2].expand(states.shape[1] - 1, -1)]) for at in (0, 1)
    )
    return (states - means) / deviations
