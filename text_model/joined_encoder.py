"""The multilingual base: MiniLM and the multilingual encoder side by side, one vector from both.

Each has half of the cosine. Pages of other languages are full of names, commands and loan words, which MiniLM knows: on
French, Spanish and German manuals both together find more than either, and on English ones more than MiniLM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from text_model.ngram_encoder import NgramEncoder

SHARE = 0.5  # of the multilingual encoder in the cosine; .3 and .7 are worse on French, Spanish and German
WORDS_WIDTH = 384  # of MiniLM's part
_SPECIAL = 2  # tokens around each page


@dataclass(frozen=True, slots=True)
class JoinedConfig:
    """The shape of the encoder, under the names that `transformers` uses."""

    hidden_size: int
    model_type: str = "joined"
    num_hidden_layers: int = 0


def as_understood(vectors: NDArray[np.float32], understood: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors in which MiniLM's part counts as far as it understands a page; `understood` is (2, pages).

    For order alone its part helps in any language; but it finds all texts alike whose words it never learnt, so on a
    scale of likeness the multilingual part makes up for it. Other vectors, with one row of `understood`, stay.
    """
    if len(understood) == 1:
        return vectors
    words, pieces = (vectors[:, :WORDS_WIDTH], vectors[:, WORDS_WIDTH:])
    share = (1 - SHARE) * understood[0][:, None]
    parts = [_unit(words) * np.sqrt(share), _unit(pieces) * np.sqrt(1 - share)]
    return _unit(np.concatenate(parts, axis=1))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit.astype(np.float32)


class JoinedEncoder(nn.Module):
    """Embeds pages that `PageTokenizer` has split in two ways."""

    def __init__(self, words: PreTrainedModel, pieces: NgramEncoder) -> None:
        super().__init__()
        self.words = words
        self.pieces = pieces
        assert words.config.hidden_size == WORDS_WIDTH  # noqa: S101 - `as_understood` splits vectors there
        self.config = JoinedConfig(words.config.hidden_size + pieces.width)

    def joined(self, of_words: Tensor, attention_mask: Tensor, piece_ids: Tensor, piece_mask: Tensor) -> Tensor:
        """Return unit vectors, (rows, width), from MiniLM's; a part that cannot read a page is left out."""
        of_pieces = functional.normalize(self.pieces.pooled(piece_ids, piece_mask), dim=-1)
        parts = ((of_words, attention_mask, 1 - SHARE), (of_pieces, piece_mask, SHARE))
        weighed = [part * (mask.sum(1, keepdim=True) > _SPECIAL) * share**0.5 for part, mask, share in parts]
        return functional.normalize(torch.cat(weighed, dim=-1), dim=-1)
