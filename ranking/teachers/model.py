"""A teacher: any encoder under a few fully connected layers (sections 4.3 and 4.4 of the Bing paper)."""

from __future__ import annotations

from torch import Tensor, nn

from ranking.cross_encoder.model import pair_feature_width, pair_features
from text_model.pair_encoder import PairEncoder


class Teacher(nn.Module):
    """Reads both pages; `outputs` is 1 for clicks, 5 for the quality classes."""

    def __init__(self, encoder: PairEncoder, outputs: int) -> None:
        super().__init__()
        width = encoder.width
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.Linear(pair_feature_width(width), width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, outputs),
        )

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return logits (rows, outputs)."""
        return self.head(pair_features(self.encoder(input_ids, token_type_ids, attention_mask)))

    def parameter_groups(self, rate: float, head_rate: float) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trainable parameters: the encoder's at `rate`, the head's at `head_rate`."""
        body = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
        return [(body, rate), (list(self.head.parameters()), head_rate)]
