"""The information need of a language model per token: equations 1 to 5 of WebRec (section 3.1.2), on tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def importance(attention: Tensor) -> Tensor:
    """Return the largest attention from any later token to each token, (..., n): equation 2.

    `attention` is A of equation 1, (..., n, n), non-negative: row j is the attention of token j to all tokens.
    The importance of the last token is 0.
    """
    return torch.tril(attention, diagonal=-1).amax(dim=-2)


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats of each row's distribution, (n,) float32: equation 3.

    `logits` is (n, vocabulary), any float type; row i is the distribution that token i was chosen from.
    """
    parts: Tensor = torch.special.entr(logits.float().softmax(-1))
    return parts.sum(-1)


def need(importance: Tensor, entropy: Tensor) -> Tensor:
    """Return importance times entropy, (n,): equation 4."""
    return importance * entropy


def pooled(scores: Tensor, width: int) -> Tensor:
    """Return the mean of each score and its neighbours, (n,): AvgPool of equation 5.

    `width` scores are averaged, an odd number, so that a token is in the middle (the paper does not give the number);
    fewer at either end. Raises ValueError for an even width.
    """
    if width < 1 or width % 2 == 0:
        raise ValueError(f"the width is {width}: it must be an odd number")
    if scores.numel() == 0:
        return scores
    rows = scores.reshape(1, 1, -1)
    return functional.avg_pool1d(rows, width, 1, width // 2, count_include_pad=False).reshape(-1)
