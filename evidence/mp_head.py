"""MP-Head of WebRec (section 3.2): one more attention head, over messages between the prompt's most relevant tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from evidence.relation_graph import messages, relations, relevance, top_tokens


class Messages(NamedTuple):
    """What the graph of a prompt says: computed once, read by every later token."""

    keys: Tensor  # (B, k, H·d): e[:|K|] of equation 14
    values: Tensor  # (B, k, d): e[|V|:] of equation 16
    places: Tensor  # (B, k) int64: each message's token
    real: Tensor  # (B, k) bool


class MPHead(nn.Module):
    """Equations 10 to 16 for one layer with H query heads, G key-value heads and head width d.

    The graph is that of the prompt, the answer's tokens only read it: otherwise a token of the answer would tell the
    ones before it what comes. Inside the prompt, messages cross in both directions.

    Where the paper leaves a choice: the key part of an entity is as wide as all queries together, so that one score
    weighs every query head; scores are divided by √(H·d), as in equation 6; and the columns that equation 8 adds to the
    output projection are learnt, from the mean of the frozen heads' own.
    """

    def __init__(self, heads: int, groups: int, width: int, output: Tensor, feature: nn.Module, k: int = 32) -> None:
        """Take the frozen output projection's weight (hidden, H·d), and a module that returns z (d_z,)."""
        super().__init__()
        self.k = k
        self._query = heads * width
        with torch.no_grad():
            size = feature().shape[-1]
            mean = output.float().view(output.shape[0], heads, width).mean(1)
        self.entity = nn.Linear(2 * groups * width, self._query + width, bias=False, device=output.device)
        self.relation = nn.Linear(size, self._query + width, bias=False, device=output.device)
        self.bias = nn.Parameter(torch.zeros(self._query + width, device=output.device))
        self.output = nn.Parameter(mean)
        self.gate = nn.Parameter(torch.zeros((), device=output.device))
        self.feature = feature

    def read(self, keys: Tensor, values: Tensor, prompt: Tensor) -> Messages:
        """Return the messages of a prompt (equations 10 to 13) from its keys and values, each (B, G, n, d).

        `prompt` is (B, n) bool: the tokens of the graph. Memory grows with k² + n, not with n².
        """
        cached = torch.cat([keys.transpose(1, 2).flatten(2), values.transpose(1, 2).flatten(2)], dim=-1)
        cached = cached.to(self.bias.dtype)
        entities = self.entity(cached)  # (10)
        top = top_tokens(
            relevance(self.relation(self.feature().to(self.bias.dtype)), entities), prompt, self.k
        )  # (11), (12)
        chosen = entities.gather(1, top.places.unsqueeze(2).expand(-1, -1, entities.shape[2]))
        sent = messages(relations(top), chosen, self.bias)  # (13), and (15): the entity becomes its message
        return Messages(sent[..., : self._query], sent[..., self._query :], top.places, top.real)

    def forward(self, queries: Tensor, sent: Messages, first: int) -> Tensor:
        """Return what the head adds to the layer's output, (B, t, hidden), for queries (B, H, t, d).

        `first` is the position of the first query: a token attends to messages of tokens up to its own.
        """
        asked = queries.transpose(1, 2).flatten(2).to(self.bias.dtype)
        scores = asked @ sent.keys.transpose(1, 2) * self._query**-0.5  # (14)
        position = torch.arange(first, first + scores.shape[1], device=scores.device)
        visible = sent.real.unsqueeze(1) & (sent.places.unsqueeze(1) <= position.view(1, -1, 1))
        weights = scores.masked_fill(~visible, torch.finfo(scores.dtype).min).softmax(-1) * visible
        head = self.gate * (weights @ sent.values)  # (16)
        return head @ self.output.T  # (8)
