"""The file of what a row of the ablation has learnt: adapters and MP-Heads, by the names of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel

from configs.reading import SettingsError
from evidence.tuning import TuningSettings, adapted

_ABOUT = "onward"  # the key of the metadata


def save_learnt(path: Path, model: PreTrainedModel, first: int, heads: Sequence[int], settings: TuningSettings) -> None:
    """Write the weights that were trained, and what `adapted` needs to make their places again."""
    weights = {name: value.detach().contiguous() for name, value in model.named_parameters() if value.requires_grad}
    about = {"first": first, "heads": list(heads), "rank": settings.rank, "k": settings.k}
    working = path.with_suffix(".writing")
    save_file(weights, working, metadata={_ABOUT: orjson.dumps(about).decode()})
    working.rename(path)


def with_learnt(base: PreTrainedModel, path: Path) -> PreTrainedModel:
    """Return a copy of `base` with the adapters and heads of a file. Raises SettingsError for any other file."""
    try:
        with safe_open(path, "pt") as file:
            about = orjson.loads((file.metadata() or {})[_ABOUT])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        settings = TuningSettings(rank=about["rank"], k=about["k"])
        model, _ = adapted(base, about["first"], about["heads"], settings)
    except (OSError, SafetensorError, KeyError, ValueError, SettingsError) as error:
        raise SettingsError(
            f"--mp-head {path} cannot be read ({error}): give a .learnt.safetensors file of `onward ablate evidence`"
        ) from None
    places = {name: value for name, value in model.named_parameters() if value.requires_grad}
    sizes = ({name: value.shape for name, value in each.items()} for each in (places, weights))
    if next(sizes) != next(sizes):
        raise SettingsError(f"--mp-head {path} was learnt for another model: give the --model that it was learnt with")
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(weights[name])
            place.requires_grad_(False)
    return model.eval()
