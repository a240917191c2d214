"""Exports the trained cross-encoder to the ONNX files that `pairs.py` opens."""

from __future__ import annotations

from pathlib import Path

import torch

from ranking.cross_encoder.model import CrossEncoder, JointScores, PageLayers, Scores
from ranking.cross_encoder.pairs import PAGES, PAIRS, WHOLE
from text_model.export import export, export_of, quantize
from text_model.vector_pairs import VectorPairs

_OUTPUTS = ["click", "quality"]


def export_pair_model(model: CrossEncoder, directory: Path, *, int8: bool) -> None:
    """Write one model, or two if the lower layers read each page separately; with float32 or int8 weights.

    What a single joint layer leaves for pairs is so little that it stays float32: then a pair's scores do not depend
    on the other pairs of a run, which would share the scale of its 8-bit numbers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    page_layers = model.encoder.page_layers
    if page_layers:
        vectors = isinstance(model.encoder, VectorPairs)
        export(PageLayers(model.encoder), directory / PAGES, ["states"], joined=vectors)
        _export_joint(model, directory / PAIRS)
    else:
        export(Scores(model), directory / WHOLE, _OUTPUTS)
    if int8:
        for name in ((PAGES,) if model.encoder.single else (PAGES, PAIRS)) if page_layers else (WHOLE,):
            as_float = (directory / name).rename(directory / f"float.{name}")
            quantize(as_float, directory / name)
            as_float.unlink()


def _export_joint(model: CrossEncoder, path: Path) -> None:
    states = torch.randn(2, 17, model.encoder.width)
    mask = torch.ones(2, 17, dtype=torch.int64)
    inputs = {"states1": states[:1], "mask1": mask[:1], "states2": states, "mask2": mask}
    if model.encoder.single:
        inputs["columns"] = torch.ones(4, model.encoder.width)
    axes = {name: {0: "pages1", 1: "length1"} for name in ("states1", "mask1")}
    axes |= {name: {0: "rows", 1: "length2"} for name in ("states2", "mask2")} | {
        name: {0: "rows"} for name in _OUTPUTS
    }
    export_of(JointScores(model), path, inputs, _OUTPUTS, axes)
