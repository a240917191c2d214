"""The inputs of a cross-encoder over page vectors: those that the step `text` stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.runner.work import Work
from ranking.cross_encoder.examples import PairInputs
from ranking.cross_encoder.model import CrossEncoder, JointScores, PageLayers
from ranking.cross_encoder.page_model import Tokens
from ranking.cross_encoder.pairs import Scores
from text_model.tokens import Marks, single_inputs


def vector_inputs(work: Work) -> PairInputs:
    """Return the function that gives both pages' vectors as `states`, (pairs, 2, width)."""
    vectors = np.load(work.of("text") / "embeddings.npy", mmap_mode="r")

    def inputs(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, Tensor]:
        states = torch.from_numpy(np.stack([vectors[page1], vectors[page2]], axis=1))
        both = torch.ones(len(page1), 2, dtype=torch.int64)
        return {"states": states, "token_type_ids": both * torch.tensor([0, 1]), "attention_mask": both}

    return inputs


def vector_scores(model: CrossEncoder, marks: Marks, first: Sequence[Tokens], second: Sequence[Tokens]) -> Scores:
    """Return what the trained model itself scores, from token ids: to compare the exported one with it."""
    pages, joint = PageLayers(model.encoder).eval(), JointScores(model).eval()
    with torch.inference_mode():
        states = [
            pages(*(torch.from_numpy(value) for value in single_inputs(side, marks).values()))
            for side in (first, second)
        ]
        mask1, mask2 = (torch.ones(part.shape[:2], dtype=torch.int64) for part in states)
        click, quality = joint(states[0], mask1, states[1], mask2)
    return click.numpy(), quality.numpy()
