"""A student's weights as a file that a later student starts from: safetensors, float16."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from configs.reading import SettingsError
from ranking.cross_encoder.model import CrossEncoder


def save_weights(model: CrossEncoder, path: Path) -> None:
    """Write the weights at half their size: a start needs no more digits."""
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)


def load_weights(model: CrossEncoder, path: Path) -> None:
    """Put stored weights into the model. Raises SettingsError when there are none, or they are of another shape."""
    if not path.is_file():
        raise SettingsError(f"cross_encoder.warm_start: {path} is no file: give a student.safetensors, or previous")
    stored = {name: value.to(torch.float32) for name, value in load_file(path).items()}
    own = model.state_dict()
    if stored.keys() != own.keys() or any(stored[name].shape != own[name].shape for name in own):
        raise SettingsError(
            f"{path} holds another model than text.base and cross_encoder.layers make: start without it"
        )
    model.load_state_dict(stored)
