"""A trained teacher's logits: as int8 ONNX on a CPU, by torch on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ranking.cross_encoder.examples import PairInputs
from ranking.teachers.model import Teacher
from ranking.teachers.stamp import PairLogits
from text_model.base import splits
from text_model.export import export, quantize
from text_model.parallel import world
from text_model.session import OnnxModel
from text_model.training import moved


def teacher_logits(teacher: Teacher, inputs: PairInputs, scratch: Path) -> PairLogits:
    """Return what stamps pairs; `scratch` is a directory for a file that is gone when this returns."""
    if world().device.type == "cpu" and splits(teacher.encoder):
        return _by_onnx(teacher, inputs, scratch)
    return _by_torch(teacher, inputs)


def _by_onnx(teacher: Teacher, inputs: PairInputs, scratch: Path) -> PairLogits:
    as_float, as_int8 = (scratch / f"teacher.{world().rank}.{kind}.onnx" for kind in ("float", "int8"))
    export(teacher, as_float, ["logits"])
    quantize(as_float, as_int8)
    model = OnnxModel(as_int8)
    for path in (as_float, as_int8):
        path.unlink()

    def logits(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> NDArray[np.float32]:
        return model.run({name: value.numpy() for name, value in inputs(page1, page2).items()})[0]

    return logits


def _by_torch(teacher: Teacher, inputs: PairInputs) -> PairLogits:
    device = world().device
    mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
    teacher.eval().to(device)

    def logits(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            found = teacher(**moved(inputs(page1, page2), device))
        return found.float().cpu().numpy()

    return logits
