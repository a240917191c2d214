"""A tower: the text encoder with its own head."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from text_model.base import Encoder, embedded


class Head(nn.Module):
    """A projection initialized to the embeddings' principal axes, plus a small correction initialized to 0."""

    def __init__(self, axes: Tensor, hidden: int = 256) -> None:
        super().__init__()
        self.projection = nn.Linear(axes.shape[1], axes.shape[0], bias=False)
        self.projection.weight.data.copy_(axes)
        self.correction = nn.Sequential(
            nn.Linear(axes.shape[1], hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, axes.shape[0])
        )
        nn.init.zeros_(self.correction[3].weight)
        nn.init.zeros_(self.correction[3].bias)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return unit vectors (rows, dimension)."""
        return functional.normalize(self.projection(embeddings) + self.correction(embeddings), dim=-1)


class Tower(nn.Module):
    """Encoder, pooling and head, as exported."""

    def __init__(self, encoder: Encoder, head: Head | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        attention_mask: Tensor,
        piece_ids: Tensor | None = None,
        piece_mask: Tensor | None = None,
    ) -> Tensor:
        """Return unit vectors (rows, dimension), or embeddings (rows, width) without a head."""
        pooled = embedded(self.encoder, input_ids, token_type_ids, attention_mask, piece_ids, piece_mask)
        return pooled if self.head is None else self.head(pooled)
