"""Saves and loads a student's weights (safetensors, float16), so that a later student can start from them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from configs.reading import SettingsError
from ranking.cross_encoder.model import CrossEncoder
from text_model.vector_pairs import VectorPairs


def save_weights(model: CrossEncoder, path: Path) -> None:
    """Write the weights as float16: a warm start needs no more precision."""
    save_file({name: value.half().contiguous() for name, value in _trained(model).items()}, path)


def load_weights(model: CrossEncoder, path: Path) -> None:
    """Load stored weights into the model. Raises SettingsError if the file is missing or of another model."""
    if not path.is_file():
        raise SettingsError(f"cross_encoder.warm_start: {path} is not a file: give a student.safetensors, or previous")
    stored = {name: value.to(torch.float32) for name, value in load_file(path).items()}
    own = _trained(model)
    if stored.keys() != own.keys() or any(stored[name].shape != own[name].shape for name in own):
        raise SettingsError(
            f"{path} was not made with this text.base and cross_encoder.layers: set cross_encoder.warm_start to ''"
        )
    model.load_state_dict(stored, strict=False)


def _trained(model: CrossEncoder) -> dict[str, Tensor]:
    """Return the weights, without those of an encoder that training leaves as it is."""
    fixed = isinstance(model.encoder, VectorPairs)
    return {name: value for name, value in model.state_dict().items() if not (fixed and name.startswith("encoder."))}
