"""The joint layer where it is the only one: what depends on one page is computed once per page, not once per pair.

Three rows leave the last layer. Those of page 1 and of page 2 attend to that page alone, so they are part of a page's
state; only the first token's is left for pairs. Keys and values of states are never computed: a query is taken through
the key's weights instead, and the mean of the states that it attends to through the value's. Up to rounding these are
the numbers of `PairEncoder.upper`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor, nn

Pages = tuple[Tensor, Tensor]  # states (pages, length, width) and mask (pages, length)
Columns = tuple[Tensor, Tensor]  # mean and deviation of the states' columns, (width,): states are standardized by them


def own_rows(layer: nn.Module, heads: int, page: Pages) -> Tensor:
    """Return the row of each page that attends to its own tokens, (pages, width)."""
    states, mask = page
    weights = mask.to(states.dtype)[:, None]
    means = ((weights @ states) / weights.sum(-1, keepdim=True).clamp(min=1))[:, 0]
    return _rows(layer, heads, means, [page])


def first_rows(
    layer: nn.Module, heads: int, queries: Tensor, page1: Pages, page2: Pages, columns: Columns | None
) -> Tensor:
    """Return the first token's row of each pair, (pairs, width), from its state; all pairs may share page 1."""
    return _rows(layer, heads, queries, [page1, page2], columns)


def _rows(layer: Any, heads: int, queries: Tensor, pages: list[Pages], columns: Columns | None = None) -> Tensor:
    """Return the output of a BERT layer for queries that attend to all states of some pages, (rows, width).

    `queries`, (rows or 1, width), and pages may be shared by all rows. States may be standardized by `columns`, queries
    are not. Logits then need the deviation alone: the mean would add the same to each, which softmax does not see.
    """
    part, rows, width = layer.attention.self, pages[-1][0].shape[0], queries.shape[1]
    size = width // heads
    asked = part.query(queries).view(-1, heads, size).transpose(0, 1) / size**0.5
    # What a query asks of a state, per head, (rows, width, heads). The key's bias would add the same to all logits.
    asked = (asked @ part.key.weight.view(heads, size, width)).permute(1, 2, 0)
    if columns is not None:
        asked = asked * columns[1][:, None]
    logits = [(states @ asked + _bias(mask)).expand(rows, -1, -1) for states, mask in pages]
    shares = torch.softmax(torch.cat(logits, dim=1), dim=1).transpose(1, 2)
    ends = accumulate(states.shape[1] for states, _ in pages)
    parts = [shares[:, :, end - states.shape[1] : end] @ states for end, (states, _) in zip(ends, pages, strict=True)]
    mixed = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    if columns is not None:
        mixed = mixed * columns[1] + columns[0]
    values = mixed.transpose(0, 1) @ part.value.weight.view(heads, size, width).transpose(1, 2)
    context = values.transpose(0, 1).reshape(rows, width) + part.value.bias
    attended = layer.attention.output(context, queries.expand(rows, -1))
    return cast(Tensor, layer.output(layer.intermediate(attended), attended))


def _bias(mask: Tensor) -> Tensor:
    return (1.0 - mask[:, :, None].float()) * torch.finfo(torch.float32).min / 2
