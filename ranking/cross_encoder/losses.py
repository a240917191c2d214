"""The losses of sections 4.3 to 4.5 of the Bing paper: pairwise softmax, CE and soft CE, and MSE from the teachers."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

from ranking.cross_encoder.model import QUALITY_CLASSES

#: `ce` learns the nearest class, `sce` the two nearest classes, weighted.
QualityLoss = Literal["ce", "sce"]


def pairwise_softmax(clicked: Tensor, unclicked: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of -log(e^s+ / (e^s+ + e^s-)) times weight: equation 1 of the Bing paper, as intended.

    Weights have mean 1 over all triplets, not over the batch, so that the losses of several processes add up.
    """
    return (functional.softplus(unclicked - clicked) * weight).mean()


def soft_classes(quality: Tensor) -> Tensor:
    """Return (rows, 5) probabilities: a score's mass on its two nearest integer classes (algorithm 1, as intended)."""
    low = quality.floor().clamp(0, QUALITY_CLASSES - 2)
    share = (quality - low).unsqueeze(1)
    low_class = functional.one_hot(low.long(), QUALITY_CLASSES)
    return low_class * (1 - share) + low_class.roll(1, dims=1) * share


def class_loss(logits: Tensor, quality: Tensor, kind: QualityLoss) -> Tensor:
    """Return the mean cross-entropy of (rows, 5) logits with scores of 0 to 4."""
    if kind == "ce":
        return functional.cross_entropy(logits, quality.round().long())
    return functional.cross_entropy(logits, soft_classes(quality))


def centred(logits: Tensor) -> Tensor:
    """Return logits minus their mean, which a softmax ignores."""
    return logits - logits.mean(dim=-1, keepdim=True)
