from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from text_model.masked import IGNORED, MaskedHead, MaskedTexts, masked_loss
from text_model.tokens import Marks

CLS, SEP, MASK, WORDS = 101, 102, 103, 1_000
TEXTS = MaskedTexts(
    [np.arange(200, 260, dtype=np.uint32), np.array([7, 8], np.uint32)], Marks(CLS, SEP, CLS), MASK, WORDS
)


def batch(step: int = 0, count: int = 200, share: float = 0.15) -> dict[str, Tensor]:
    return dict(TEXTS.batch(count, 20, share, 5, step))


def test_the_chosen_share_of_the_tokens_is_to_be_guessed_and_most_of_these_are_hidden() -> None:
    found = batch()
    asked = found["targets"] != IGNORED
    words = (found["attention_mask"] == 1) & (found["input_ids"] != CLS) & (found["input_ids"] != SEP)
    assert asked.sum() / words.sum() == pytest.approx(0.15, abs=0.02)
    assert (found["input_ids"][asked] == MASK).float().mean() == pytest.approx(0.8, abs=0.06)


def test_special_tokens_and_padding_are_never_asked_for() -> None:
    found = batch(share=1.0)
    assert set(found["targets"].unique().tolist()) <= {IGNORED, 7, 8, *range(200, 260)}
    assert (found["targets"][found["attention_mask"] == 0] == IGNORED).all()


def test_a_long_text_is_read_in_pieces_of_at_most_the_given_length() -> None:
    assert batch()["attention_mask"].sum(1).max() == 22
    begun = {int(row[1]) for row in batch(share=0.0)["input_ids"]}
    assert len(begun) > 10


def test_a_step_always_draws_the_same_pieces_and_tokens() -> None:
    first, again, other = batch(3), batch(3), batch(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["input_ids"], other["input_ids"])


def test_a_head_learns_to_guess_a_token_by_its_state() -> None:
    torch.manual_seed(0)
    head, words = MaskedHead(16, 50), torch.randn(50, 16)
    states, targets = words[None, 10:20].clone(), torch.arange(10, 20)[None]
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    first = masked_loss(head, states, words, targets).item()
    for _ in range(50):
        optimizer.zero_grad()
        masked_loss(head, states, words, targets).backward()
        optimizer.step()
    assert masked_loss(head, states, words, targets).item() < first / 2


def test_a_batch_without_hidden_tokens_costs_nothing() -> None:
    head = MaskedHead(4, 5)
    assert masked_loss(head, torch.randn(1, 3, 4), torch.randn(5, 4), torch.full((1, 3), IGNORED)) == 0
