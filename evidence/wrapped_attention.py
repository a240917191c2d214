"""Puts MP-Heads into chosen layers of a LLaMA- or Qwen2-like causal language model, and freezes the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from configs.reading import SettingsError
from evidence.mp_head import Messages, MPHead

_NEEDED = ("q_proj", "k_proj", "v_proj", "o_proj", "head_dim", "layer_idx")


class WrappedAttention(nn.Module):
    """An attention layer with an MP-Head.

    With a KV cache, the first call is the prompt, and its messages are kept with the cache. A call without a cache, or
    in training, must say with `prompt_mask` (B, n), passed to the model, which tokens are the prompt.
    """

    attention: Any  # of the model's own class
    head: MPHead

    def __init__(self, attention: nn.Module, head: MPHead) -> None:
        super().__init__()
        self.attention = attention
        self.head = head
        self.train(attention.training)

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        prompt_mask: Tensor | None = None,
        **others: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the layer's output (B, t, hidden), and its attention if the implementation returns it."""
        layer = self.attention.layer_idx
        first = 0 if past_key_values is None else past_key_values.get_seq_length(layer)
        output, weights = self.attention(
            hidden_states=hidden_states,
            position_embeddings=position_embeddings,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            **others,
        )
        if first:
            sent = _kept(past_key_values)[layer]
        else:
            prompt = self._prompt(hidden_states, attention_mask, past_key_values, prompt_mask)
            sent = self.head.read(*self._keys_values(hidden_states, position_embeddings), prompt)
            if past_key_values is not None:
                _kept(past_key_values)[layer] = sent
        queries = _heads(self.attention.q_proj(hidden_states), self.attention.head_dim)
        turned, _ = apply_rotary_pos_emb(queries, queries, *position_embeddings)
        return output + self.head(turned, sent, first).to(output.dtype), weights

    def _keys_values(self, hidden: Tensor, position_embeddings: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return what the KV cache holds of a prompt, each (B, G, n, d)."""
        keys, values = (
            _heads(project(hidden), self.attention.head_dim)
            for project in (self.attention.k_proj, self.attention.v_proj)
        )
        _, turned = apply_rotary_pos_emb(keys, keys, *position_embeddings)
        return turned, values

    def _prompt(self, hidden: Tensor, mask: Tensor | None, cache: Any, given: Tensor | None) -> Tensor:
        if given is not None:
            if given.shape != hidden.shape[:2]:
                raise ValueError(f"prompt_mask is {tuple(given.shape)}, not {tuple(hidden.shape[:2])}: one per token")
            return given.bool()
        if cache is None or self.training:
            raise ValueError("no prompt_mask: pass which tokens are the prompt, or the graph would see the answer")
        if mask is None:
            return torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        last = mask[:, 0, -1, : hidden.shape[1]] if mask.ndim == 4 else mask[:, : hidden.shape[1]]
        return last if last.dtype is torch.bool else last == 0 if last.is_floating_point() else last.bool()


def wrap(
    model: PreTrainedModel,
    layers: Sequence[int],
    feature: Callable[[nn.Module], nn.Module],
    k: int = 32,
) -> list[MPHead]:
    """Put an MP-Head into each of `layers`, in place, and freeze everything but the heads; return the heads.

    `feature(attention)` returns the module of a layer's task feature; unfreeze what it reads afterwards. Raises
    SettingsError for a layer that the model does not have, or that is not LLaMA-like.
    """
    blocks = _blocks(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    made = []
    for number in layers:
        if not 0 <= number < len(blocks):
            raise SettingsError(f"MP-Head in layer {number}: the model has layers 0 to {len(blocks) - 1}")
        attention: Any = blocks[number].self_attn
        if missing := [name for name in _NEEDED if not hasattr(attention, name)]:
            raise SettingsError(f"layer {number} has no {missing[0]}: MP-Head needs a LLaMA- or Qwen2-like attention")
        if hasattr(attention, "q_norm"):
            raise SettingsError(f"layer {number} normalises its queries (q_norm): MP-Head knows LLaMA and Qwen2 only")
        width = attention.head_dim
        heads, groups = (part.out_features // width for part in (attention.q_proj, attention.k_proj))
        head = MPHead(heads, groups, width, attention.o_proj.weight, feature(attention), k)
        blocks[number].self_attn = WrappedAttention(attention, head)
        made.append(head)
    return made


def _blocks(model: PreTrainedModel) -> nn.ModuleList:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    blocks = getattr(getattr(inner, "model", None), "layers", None)
    if not isinstance(blocks, nn.ModuleList) or not all(hasattr(block, "self_attn") for block in blocks):
        raise SettingsError(f"{type(inner).__name__} has no layers with self_attn: use a LLaMA- or Qwen2-like model")
    return blocks


def _kept(cache: Any) -> dict[int, Messages]:
    """Return the messages kept with a KV cache, by layer."""
    if not hasattr(cache, "mp_messages"):
        cache.mp_messages = {}
    return cache.mp_messages


def _heads(projected: Tensor, width: int) -> Tensor:
    """Return (B, t, heads·d) as (B, heads, t, d)."""
    return projected.unflatten(-1, (-1, width)).transpose(1, 2)
