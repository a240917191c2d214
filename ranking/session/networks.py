"""The recommender networks of TRAWL (section 4.1.3), DIN, DIEN and DeepFM, and SASRec.

All have one interface, and read vectors instead of IDs, so that any page with a vector can be scored:
trigger [b, e], history [b, h, e], known [b, h], candidates [b, c, e], features [b, c, f] -> scores [b, c].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ranking.session.config import Kind

_ATTENTION, _HIDDEN = 16, 64
_DROPOUT = 0.2


class Network(nn.Module):
    """What all networks share: a perceptron over what they make of a candidate and its context."""

    def __init__(self, width: int, features: int, history: int, parts: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(history, width))
        layers = (nn.Linear(parts * width + features, _HIDDEN), nn.PReLU(), nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN, 1))
        self.perceptron = nn.Sequential(*layers)

    def score(self, parts: list[Tensor], features: Tensor) -> Tensor:
        """Return one score per candidate from its parts, each [b, c, e]."""
        scores: Tensor = self.perceptron(torch.cat([*parts, features], dim=-1)).squeeze(-1)
        return scores


class Attention(nn.Module):
    """How much each page of the way says about a candidate: a small network over both and their product, [b, c, h].

    The product is of projections, a quarter as wide as the vectors: most of the time is spent here.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_candidate = nn.Linear(width, _ATTENTION)
        self.of_page = nn.Linear(width, _ATTENTION, bias=False)
        self.left, self.right = (nn.Linear(width, _ATTENTION, bias=False) for _ in range(2))
        self.out = nn.Sequential(nn.PReLU(), nn.Linear(_ATTENTION, 1))

    def forward(self, candidates: Tensor, history: Tensor, known: Tensor) -> Tensor:
        """Return weights that sum to 1 over the known pages, and are 0 where none is known."""
        product = self.left(candidates).unsqueeze(2) * self.right(history).unsqueeze(1)
        hidden = self.of_candidate(candidates).unsqueeze(2) + self.of_page(history).unsqueeze(1) + product
        mask = known.unsqueeze(1)
        logits = self.out(hidden).squeeze(-1) - 1e9 * (1 - mask)
        return torch.softmax(logits, dim=-1) * mask


class Din(Network):
    """Deep Interest Network (Zhou et al., 2018): the way as each candidate sees it, by attention."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=5)
        self.attention = Attention(width)

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        placed = history + self.place
        interest = self.attention(candidates, placed, known) @ placed
        here = trigger.unsqueeze(1).expand_as(candidates)
        return self.score([candidates, interest, here, candidates * interest, candidates * here], features)


class Dien(Network):
    """Deep Interest Evolution Network (Zhou et al., 2019): a GRU over the way, then one whose gate is the attention."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=5)
        self.extract = nn.GRU(width, width, batch_first=True)
        self.attention = Attention(width)
        self.reset, self.update, self.new = (nn.Linear(2 * width, width) for _ in range(3))

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        states, _ = self.extract((history + self.place) * known.unsqueeze(-1))
        weights = self.attention(candidates, states, known)
        interest = torch.zeros_like(candidates)
        for step in range(self.place.shape[0]):  # AUGRU: the attention scales the update gate
            state = states[:, step].unsqueeze(1).expand_as(candidates)
            both = torch.cat([state, interest], dim=-1)
            update = torch.sigmoid(self.update(both)) * weights[:, :, step].unsqueeze(-1)
            fresh = torch.tanh(self.new(torch.cat([state, torch.sigmoid(self.reset(both)) * interest], dim=-1)))
            interest = (1 - update) * interest + update * fresh
        here = trigger.unsqueeze(1).expand_as(candidates)
        return self.score([candidates, interest, here, candidates * interest, candidates * here], features)


class DeepFm(Network):
    """DeepFM (Guo et al., 2017): products of all pairs of fields, and a perceptron over the fields."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=4)

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        placed = (history + self.place) * known.unsqueeze(-1)
        mean = placed.sum(dim=1) / known.sum(dim=1, keepdim=True).clamp(min=1)
        others = [each.unsqueeze(1).expand_as(candidates) for each in (trigger, mean, placed[:, -1])]
        fields = torch.stack([candidates, *others], dim=-2)
        pairs = 0.5 * (fields.sum(dim=-2) ** 2 - (fields**2).sum(dim=-2)).sum(dim=-1)
        return pairs + self.score([candidates, *others], features)


class SasRec(Network):
    """SASRec (Kang and McAuley, 2018), one layer: what the trigger makes of the way before it by self-attention.

    Of a layer over all places only the last is read, so only the trigger asks.
    """

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=4)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        layers = (nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(_DROPOUT), nn.Linear(2 * width, width))
        self.forward_layers = nn.Sequential(*layers)

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        here = trigger.unsqueeze(1)
        way = self.before(torch.cat([history + self.place, here], dim=1))
        mask = torch.cat([known, torch.ones_like(known[:, :1])], dim=1).unsqueeze(1)
        logits = self.query(way[:, -1:]) @ self.key(way).transpose(1, 2) * way.shape[-1] ** -0.5 - 1e9 * (1 - mask)
        state = here + torch.softmax(logits, dim=-1) @ self.value(way)
        state = (state + self.forward_layers(self.after(state))).expand_as(candidates)
        return self.score([candidates, state, candidates * state, candidates * here], features)


#: Each is made of the width of vectors, the number of features, and the longest history.
NETWORKS: dict[Kind, Callable[[int, int, int], Network]] = {
    "din": Din,
    "dien": Dien,
    "deepfm": DeepFm,
    "sasrec": SasRec,
}
