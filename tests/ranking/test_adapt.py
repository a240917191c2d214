from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from ranking.cross_encoder.examples import Triplets
from ranking.teachers.adapt import AdaptationConfig, adapt
from text_model.masked import MaskedTexts
from text_model.pair_encoder import PairEncoder
from text_model.tokens import Marks, pair_inputs

PAGES = [np.array(ids, np.uint32) for ids in ([10, 11, 12], [20, 21], [30], [40, 41, 42, 43])]
MARKS = Marks(1, 2, 1)
TEXTS = MaskedTexts(PAGES, MARKS, 3, 100)
TRIPLETS = Triplets(np.zeros(2, np.int64), np.array([1, 3]), np.array([2, 2]), np.ones(2, np.float32))
NO_TRIPLETS = Triplets(*(np.empty(0, np.int64) for _ in range(3)), np.empty(0, np.float32))
CONFIG = AdaptationConfig(steps=40, texts=4, triplets=4, rate=1e-3, checkpoint_every=10)


def encoder() -> PairEncoder:
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        attn_implementation="eager",
    )  # fmt: skip
    return PairEncoder(BertModel(shape).eval(), 1)


def inputs(page1: np.ndarray, page2: np.ndarray) -> dict[str, Tensor]:
    padded = pair_inputs([PAGES[row] for row in page1], [PAGES[row] for row in page2], MARKS)
    return {name: torch.from_numpy(value) for name, value in padded.items()}


def weights(of: PairEncoder) -> Tensor:
    return torch.cat([parameter.detach().ravel() for parameter in of.parameters()])


def test_both_losses_fall() -> None:
    torch.manual_seed(0)
    curve = adapt(encoder(), inputs, TEXTS, TRIPLETS, CONFIG, 0, None, lambda done: None)
    for name in ("masked", "dwell"):
        losses = curve.losses[name]
        assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize(
    ("texts", "triplets", "left"), [(0, 4, {"dwell"}), (4, 0, {"masked"}), (4, 4, {"masked", "dwell"})]
)
def test_either_loss_can_be_left_out(texts: int, triplets: int, left: set[str]) -> None:
    config = replace(CONFIG, steps=2, texts=texts, triplets=triplets)
    assert set(adapt(encoder(), inputs, TEXTS, TRIPLETS, config, 0, None, lambda done: None).losses) == left


def test_without_text_and_log_the_encoder_is_unchanged() -> None:
    made = encoder()
    curve = adapt(made, inputs, replace(TEXTS, ids=[]), NO_TRIPLETS, CONFIG, 0, None, lambda done: None)
    assert curve.steps == 0
    assert torch.equal(weights(made), weights(encoder()))


def test_a_resumed_adaptation_ends_at_the_same_weights(tmp_path: Path) -> None:
    def kill(done: int) -> None:
        if done == 25:
            raise KeyboardInterrupt

    whole, killed, resumed = encoder(), encoder(), encoder()

    def run(of: PairEncoder, path: Path | None, advance=lambda done: None) -> None:
        torch.manual_seed(1)
        adapt(of, inputs, TEXTS, TRIPLETS, CONFIG, 0, path, advance)

    run(whole, None)
    with pytest.raises(KeyboardInterrupt):
        run(killed, tmp_path / "checkpoint", kill)
    run(resumed, tmp_path / "checkpoint")
    assert torch.equal(weights(resumed), weights(whole))
