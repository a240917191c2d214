"""Computes a trained teacher's logits: with int8 ONNX on a CPU, with torch on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from ranking.cross_encoder.examples import PairInputs
from ranking.teachers.model import Teacher
from ranking.teachers.predict_pool import PairLogits
from text_model.distributed import world
from text_model.export import export, quantize
from text_model.session import OnnxModel
from text_model.training import to_device

WEIGHTS = ".safetensors"  # beside the ONNX file


def teacher_logits(teacher: Teacher, inputs: PairInputs, kept: Path) -> PairLogits:
    """Return the function that computes logits of pairs.

    The first process also writes the teacher to `kept` as int8 ONNX, for later comparison, unless the encoder's
    layers cannot be exported; on a GPU its weights too.
    """
    known, here = teacher.encoder.layered, world()
    if known and here.device.type == "cpu":
        return _by_onnx(teacher, inputs, kept)
    if known and here.main:
        _write(teacher.to("cpu"), kept)
        save_file(teacher.state_dict(), kept.with_suffix(WEIGHTS))
    return by_torch(teacher, inputs)


def _by_onnx(teacher: Teacher, inputs: PairInputs, kept: Path) -> PairLogits:
    here = world()
    path = kept if here.main else kept.with_suffix(f".{here.rank}.onnx")
    _write(teacher, path)
    model = OnnxModel(path)
    if not here.main:
        path.unlink()

    def logits(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> NDArray[np.float32]:
        return model.run({name: value.numpy() for name, value in inputs(page1, page2).items()})[0]

    return logits


def _write(teacher: Teacher, path: Path) -> None:
    as_float = path.with_suffix(".float.onnx")
    export(teacher, as_float, ["logits"])
    quantize(as_float, path)
    as_float.unlink()


def by_torch(teacher: Teacher, inputs: PairInputs) -> PairLogits:
    """Return the function that computes logits with torch, on a GPU if there is one."""
    device = world().device
    mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
    teacher.eval().to(device)

    def logits(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            found = teacher(**to_device(inputs(page1, page2), device))
        return found.float().cpu().numpy()

    return logits
