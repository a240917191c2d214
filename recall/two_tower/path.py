"""Declares the recall path `two_tower`."""

from __future__ import annotations

import math

from recall.path_spec import INDEX, OpenPath, PathSpec, Resources
from recall.two_tower.config import TwoTowerConfig


def _open(given: Resources) -> OpenPath:
    from recall import ann
    from recall.two_tower.lookup import QueryVectors, TwoTowerCosine, TwoTowerRecall
    from text_model.session import OnnxModel

    index = ann.load(given.directory / INDEX)
    tower = OnnxModel(given.directory / "query.onnx", given.onnx_threads)
    queries = QueryVectors(index.pages, given.directory / "queries.npy", tower, given.tokenizer)
    recall = TwoTowerRecall(index, queries, given.native)
    return OpenPath(recall, (TwoTowerCosine(index, queries, given.ranking),), index)


PATH = PathSpec(
    name="two_tower",
    open=_open,
    limit=50,
    index=True,
    files=("queries.npy", "query.onnx"),
    columns={"two_tower_cosine": math.nan},
    config=TwoTowerConfig,
)
