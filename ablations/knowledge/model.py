"""The recommender of the table: IDs beside adapted knowledge, read by one of the project's session networks.

A user takes the place of the page that a reader is on (`trigger`), so the networks are those of `ranking.session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ablations.knowledge.vectors import Floats, Knowledge, half
from ranking.session.config import HISTORY, Kind
from ranking.session.networks import NETWORKS
from recall.knowledge.model import Adapter
from recall.knowledge.train import info_nce
from recall.two_tower.train import principal_axes

_ATTRIBUTE = 8  # width of a user's attribute
_SPREAD = 0.05  # of embeddings at first
_DROPOUT = 0.1
_NUMBERS = 2  # of a user: how generous, and how much was rated


@dataclass(frozen=True, slots=True)
class Contrast:
    """The paper's contrastive loss: weights of equation 3 and the temperature of equation 2."""

    users: float = 0.004  # w1
    movies: float = 0.008  # w2
    temperature: float = 0.15
    rows: int = 256  # of a batch at most
    mean: bool = False  # over the rows; else their sum, as printed

    def loss(self, vectors: Tensor, likes: Tensor, rows: Tensor, positive: Tensor, weight: float) -> Tensor:
        """Return a weight times equation 2: unit vectors (B, d) of `rows` (B,) and of their positives."""
        terms = 1 if self.mean else len(rows)
        return weight * terms * info_nce(vectors, likes, rows, positive, self.temperature)


@dataclass(frozen=True, slots=True)
class Widths:
    """The widths of the recommender's parts."""

    ids: int = 16
    knowledge: int = 16
    experts: int = 4
    expert: int = 32


class Knows(nn.Module):
    """Adapted vectors of knowledge (n, d): unit vectors, zeros where nothing is known.

    Without an adapter they are the encoder's vectors on their principal axes, which nothing trains.
    """

    def __init__(self, vectors: Floats, widths: Widths, adapted: bool) -> None:
        super().__init__()
        known = vectors[vectors.any(axis=1)]
        axes = principal_axes(known, min(widths.knowledge, vectors.shape[1]))
        self.width = len(axes)
        self.adapter = Adapter(axes, widths.experts, widths.expert, _DROPOUT) if adapted else None
        self.vectors = torch.from_numpy(vectors)
        self.known = self.vectors.any(dim=1, keepdim=True)
        self.axes = axes

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors of rows (n,)."""
        found = self.vectors[rows]
        if self.adapter is None:
            return functional.normalize(found @ self.axes.T, dim=-1)
        with half():  # it adapts all movies in every step
            adapted: Tensor = self.adapter(found).float() * self.known[rows]
        return adapted


class Recommender(nn.Module):
    """Scores movies for users; a movie's vector is its ID's embedding beside its knowledge."""

    def __init__(
        self, kind: Kind, movies: int, attributes: Sequence[int], knowledge: Knowledge | None, widths: Widths,
        adapted: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.ids = nn.Embedding(movies + 1, widths.ids, padding_idx=0)
        self.attributes = nn.ModuleList(nn.Embedding(size, _ATTRIBUTE) for size in attributes)
        for table in (self.ids, *self.attributes):
            nn.init.normal_(table.weight, std=_SPREAD)
        nn.init.zeros_(self.ids.weight[0])
        self.movies = None if knowledge is None else Knows(knowledge.movies, widths, adapted)
        self.users = None if knowledge is None else Knows(knowledge.users, widths, adapted)
        width = widths.ids + (self.movies.width if self.movies else 0)
        self.user = nn.Linear(_ATTRIBUTE * len(attributes) + (self.users.width if self.users else 0), width)
        self.network = NETWORKS[kind](width, _NUMBERS, HISTORY)

    def adapted_movies(self) -> Tensor | None:
        """Return the knowledge of all movies [movies + 1, d], None without any."""
        return None if self.movies is None else self.movies(torch.arange(len(self.movies.vectors)))

    def forward(
        self, attributes: Tensor, numbers: Tensor, history: Tensor, movies: Tensor, adapted: Tensor | None,
        user: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """Return logits [b, c] of movies [b, c] after histories [b, h]; of users: attributes [b, 3], numbers [b, 2].

        `adapted` is what `adapted_movies` returns, `user` the knowledge of the users [b, d].
        """
        table = self.ids.weight if adapted is None else torch.cat([self.ids.weight, adapted], dim=1)
        said = [embedding(attributes[:, place]) for place, embedding in enumerate(self.attributes)]
        who = self.user(torch.cat(said if user is None else [*said, user], dim=1))
        read, asked = functional.embedding(history, table), functional.embedding(movies, table)
        beside = numbers.unsqueeze(1).expand(-1, movies.shape[1], -1)
        scores: Tensor = self.network(who, read, (history > 0).float(), asked, beside)
        return scores
