"""Adapts a teachers' encoder to the site before their fine-tuning (section 4.2 of the Bing paper).

Two losses side by side: masked language modelling on the site's own text, and the pairwise softmax of results, in which
dwell time tells satisfied clicks from others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ranking.cross_encoder.examples import PairInputs, Triplets
from ranking.cross_encoder.losses import pairwise_softmax
from ranking.cross_encoder.model import pair_feature_width, pair_features
from text_model.base import hidden_states
from text_model.masked import MaskedHead, MaskedTexts, masked_loss
from text_model.pair_encoder import PairEncoder
from text_model.training import Batch, Curve, Progress, Schedule, Share, fit


@dataclass(frozen=True, slots=True)
class AdaptationConfig:
    """Tunables of the adaptation."""

    steps: Annotated[int, Field(ge=0)] = 0  # at most; 0: the teachers start from their base as it is
    minutes: Annotated[float, Field(ge=0)] = 0.0  # at most; 0: no limit
    student: bool = False  # the student starts from the adapted encoder too, if its base is the teachers'
    texts: Annotated[int, Field(ge=0)] = 16  # per step, for masked language modelling; 0: none
    pages: Annotated[int, Field(ge=1)] = 20_000  # whose text is read, at most; in memory, up to 8 kB each
    text_tokens: Annotated[int, Field(ge=8, le=510)] = 126  # of a text
    masked: Share = 0.15  # of a text's tokens
    masked_weight: Annotated[float, Field(ge=0)] = 0.2  # of that loss; the pairwise loss has weight 1
    triplets: Annotated[int, Field(ge=0)] = 16  # per step; 0: none
    satisfied_s: Annotated[float, Field(ge=0)] = (
        30.0  # a click on which the reader stayed at least so long is satisfied
    )
    quick_back: Share = 0.1  # worth of any other click, where a satisfied one has 1 and a skipped result 0
    rate: float = 2e-5
    head_rate: float = 1e-3
    checkpoint_every: int = 200  # steps


class _Adaptation(nn.Module):
    def __init__(self, encoder: PairEncoder, masked_weight: float) -> None:
        super().__init__()
        self.encoder, self.masked_weight = encoder, masked_weight
        self.guess = MaskedHead(encoder.width, encoder.words)
        self.pair = nn.Linear(pair_feature_width(encoder.width), 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if "texts" in batch:
            inputs = {name: value for name, value in batch["texts"].items() if name != "targets"}
            states, words = hidden_states(self.encoder.base, **inputs), self.encoder.base.get_input_embeddings().weight
            losses["masked"] = self.masked_weight * masked_loss(self.guess, states, words, batch["texts"]["targets"])
        if "triplets" in batch:
            better, worse = self.pair(pair_features(self.encoder(**batch["triplets"]["pairs"]))).squeeze(-1).chunk(2)
            losses["dwell"] = pairwise_softmax(better, worse, batch["triplets"]["weight"])
        return losses


def adapt(
    encoder: PairEncoder, inputs: PairInputs, texts: MaskedTexts, triplets: Triplets, config: AdaptationConfig,
    seed: int, checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train the encoder in place; without texts and triplets it is unchanged."""
    read, compared = bool(config.texts and len(texts.ids)), bool(config.triplets and len(triplets.page))
    if not (read or compared):
        return Curve()
    objective = _Adaptation(encoder, config.masked_weight)
    objective.eval()  # no dropout, as in all that follows

    def draw(step: int) -> Batch:
        batch: dict[str, Batch] = {}
        if read:
            batch["texts"] = texts.batch(config.texts, config.text_tokens, config.masked, seed, step)
        if compared:
            batch["triplets"] = triplets.batch(inputs, config.triplets, seed + 1, step)
        return batch

    heads = [*objective.guess.parameters(), *objective.pair.parameters()]
    groups = [(list(encoder.parameters()), config.rate), (heads, config.head_rate)]
    schedule = Schedule(config.steps, config.checkpoint_every, minutes=config.minutes)
    return fit(objective, groups, draw, schedule, checkpoint, progress)
