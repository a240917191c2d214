"""Declares the recall path `knowledge`."""

from __future__ import annotations

import math

from recall.knowledge.config import KnowledgeConfig
from recall.path_spec import INDEX, OpenPath, PathSpec, Resources

ADAPTER, ENCODER, TOKENIZER, TEXT = FILES = ("adapter.onnx", "encoder.onnx", "tokenizer.json", "text.json")


def _open(given: Resources) -> OpenPath:
    from recall import ann
    from recall.knowledge.lookup import KnowledgeCosine, KnowledgeRecall, KnowledgeVectors, open_model

    index = ann.load(given.directory / INDEX)
    vectors = KnowledgeVectors(index, open_model(given.directory, given.onnx_threads) if len(index) else None)
    return OpenPath(KnowledgeRecall(vectors, given.native), (KnowledgeCosine(vectors, given.ranking),), index)


PATH = PathSpec(
    name="knowledge",
    open=_open,
    limit=50,
    index=True,
    files=FILES,
    counted=True,
    columns={"knowledge_cosine": math.nan},
    config=KnowledgeConfig,
)
