"""The base encoder from which towers and cross-encoder start: a packaged one, or any path or hub name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias, cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from configs.reading import SettingsError
from text_model import multilingual
from text_model.joined_encoder import JoinedEncoder
from text_model.layers import FAMILIES
from text_model.packaged import MULTILINGUAL, PACKAGED, folder_of
from text_model.tokenizer_files import write_tokenizers

#: What embeds a page, and what a cross-encoder starts from.
Encoder: TypeAlias = PreTrainedModel | JoinedEncoder

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def resolve(name: str) -> str:
    """Return the path or hub name of an encoder: a packaged one is in its installed package. Raises SettingsError."""
    folder = folder_of(name)
    return name if folder is None else str(folder)


def load_encoder(name: str) -> Encoder:
    """Return the encoder in evaluation mode, float32, with plain attention (which exports to plain MatMuls).

    Raises SettingsError if the model cannot be loaded.
    """
    if name == MULTILINGUAL:
        words = load_encoder(PACKAGED)
        assert not isinstance(words, JoinedEncoder)  # noqa: S101 - it is MiniLM
        return JoinedEncoder(words, multilingual.load())
    try:
        model = AutoModel.from_pretrained(resolve(name), attn_implementation="eager", dtype=torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"no encoder could be loaded from {name!r} ({reason}): give {PACKAGED}, {MULTILINGUAL}, a path or a name"
        ) from error
    return cast(PreTrainedModel, model.eval())


def write_tokenizer(name: str, path: Path) -> None:
    """Write the base's fast tokenizer as one `tokenizer.json`, or both of the multilingual base."""
    local = Path(resolve(name)) / "tokenizer.json"
    if name == MULTILINGUAL:
        english = Tokenizer.from_file(str(Path(resolve(PACKAGED)) / "tokenizer.json"))
        write_tokenizers(path, [english, multilingual.tokenizer()])
    elif local.is_file():
        path.write_bytes(local.read_bytes())
    else:
        AutoTokenizer.from_pretrained(resolve(name)).backend_tokenizer.save(str(path))


def hidden_states(
    encoder: PreTrainedModel, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor
) -> Tensor:
    """Return the last hidden states, (rows, length, width)."""
    kinds = {"token_type_ids": token_type_ids} if getattr(encoder.config, "type_vocab_size", 0) > 1 else {}
    return cast(Tensor, encoder(input_ids=input_ids, attention_mask=attention_mask, **kinds).last_hidden_state)


def embedded(
    encoder: Encoder,
    input_ids: Tensor,
    token_type_ids: Tensor,
    attention_mask: Tensor,
    piece_ids: Tensor | None = None,
    piece_mask: Tensor | None = None,
) -> Tensor:
    """Return one unit vector per row, (rows, width); a joined encoder needs the inputs of pieces too."""
    words = encoder.words if isinstance(encoder, JoinedEncoder) else encoder
    states = hidden_states(words, input_ids, token_type_ids, attention_mask)
    vectors = functional.normalize(mean_pooled(states, attention_mask), dim=-1)
    if not isinstance(encoder, JoinedEncoder):
        return vectors
    assert piece_ids is not None and piece_mask is not None  # noqa: S101 - PageTokenizer has both for its base
    return encoder.joined(vectors, attention_mask, piece_ids, piece_mask)


def mean_pooled(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of the states that are not padding, (rows, width)."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def is_bert_like(encoder: Encoder) -> bool:
    """Whether the encoder is BERT or built like it, so that its layers can be run one by one."""
    return encoder.config.model_type in FAMILIES


def all_joint(name: str, layers: int) -> bool:
    """Return whether a pair encoder on this base with so many joint layers reads both pages in all of its layers."""
    config = AutoConfig.from_pretrained(resolve(name))
    return config.model_type not in FAMILIES or bool(config.num_hidden_layers <= layers)


def shorten(encoder: Encoder, layers: int) -> None:
    """Keep only `layers` of a deeper encoder's layers, evenly spaced, including the lowest and the highest.

    Raises SettingsError for a deeper encoder that is not BERT-like.
    """
    if not is_bert_like(encoder) and encoder.config.num_hidden_layers > layers:
        raise SettingsError(
            f"cross_encoder.layers: {encoder.config.model_type} cannot be cut to {layers} layers: set it to"
            f" {encoder.config.num_hidden_layers}, or use a BERT, MPNet or XLM-R model as text.base"
        )
    deep = list(encoder.encoder.layer) if is_bert_like(encoder) else []
    if len(deep) > layers:
        kept = [round(number * (len(deep) - 1) / max(1, layers - 1)) for number in range(layers)]
        encoder.encoder.layer = nn.ModuleList([deep[number] for number in kept])
        encoder.config.num_hidden_layers = layers
