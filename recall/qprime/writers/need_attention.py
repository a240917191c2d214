"""One forward pass of a causal language model that reads the attention of every layer but holds one at a time."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from configs.reading import SettingsError
from recall.qprime.writers.need_scores import importance


class Over(StrEnum):
    """How the attentions of heads, or the importances of layers, are combined."""

    MEAN = "mean"
    MAX = "max"


def read_through(
    model: PreTrainedModel, tokens: Tensor, first: int, heads: Over = Over.MEAN, layers: Over = Over.MEAN
) -> tuple[Tensor, Tensor]:
    """Return, for each token from `first` on, the logits that it was chosen from and its importance.

    `tokens` is (1, T) int64, `first` at least 1; with n = T - first, the logits are (n, vocabulary) and the
    importances (n,) float32. Attention is softmax over prompt and generation, as the model computes it; equation 1
    is its part between generated tokens. The paper does not say how heads and layers are combined: here `heads`
    combines them into one A per layer, equation 2 takes its maximum over later tokens, and `layers` combines the
    layers into one importance per token. Raises SettingsError for a model that does not return its attention.
    """
    seen = _Seen(first, tokens.shape[1], heads, layers)
    with ExitStack() as hooks, torch.inference_mode():
        for module in _attentions(model):
            hooks.enter_context(module.register_forward_hook(seen))
        logits = model(input_ids=tokens, use_cache=False).logits[0, first - 1 : -1]
    return logits, seen.result()


class _Seen:
    """A forward hook that reduces a layer's attention, heads x T x T numbers, to T, and frees it."""

    def __init__(self, first: int, length: int, heads: Over, layers: Over) -> None:
        self._first = first
        self._length = length
        self._heads = heads
        self._layers = layers
        self._count = 0
        self._running: Tensor | None = None

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        if not (isinstance(output, tuple) and len(output) > 1 and isinstance(output[1], Tensor)):
            return None  # a layer without softmax attention
        attention = output[1]
        if attention.ndim != 4 or attention.shape[-2:] != (self._length, self._length):
            return None
        between = attention[0, :, self._first :, self._first :].float()
        own = importance(between.mean(0) if self._heads is Over.MEAN else between.amax(0))
        self._count += 1
        if self._running is None:
            self._running = own
        elif self._layers is Over.MEAN:
            self._running = self._running + own
        else:
            self._running = torch.maximum(self._running, own)
        return (output[0], None, *output[2:])  # so that the model does not keep it either

    def result(self) -> Tensor:
        """Return the importance of each token from `first` on."""
        if self._running is None:
            raise SettingsError(
                "the model returns no attention: load it with attn_implementation='eager', or use another model"
            )
        return self._running / self._count if self._layers is Over.MEAN else self._running


def _attentions(model: nn.Module) -> list[nn.Module]:
    """Return the modules that compute attention; of nested ones (GPT-Neo), the inner one."""
    named = [module for module in model.modules() if _is_attention(module)]
    return [module for module in named if not any(_is_attention(m) for m in module.modules() if m is not module)]


def _is_attention(module: nn.Module) -> bool:
    return "attention" in type(module).__name__.lower()
