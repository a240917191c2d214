"""The rows of TRAWL's tables 1 and 2, the paper's figures, and the orderings of rows that the paper finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.knowledge.texts import Kind
from ranking.session.config import Kind as Backbone


@dataclass(frozen=True, slots=True)
class Row:
    """One row: which text is known, and how it is adapted."""

    name: str
    title: str
    text: Kind | None
    contrast: bool = False
    adapter: bool = True
    mean: bool = False  # equation 2 over a batch: its mean; else the sum that the paper prints


ROWS: Mapping[str, Row] = {
    row.name: row
    for row in (
        Row("raw", "raw text", "raw"),
        Row("none", "no external knowledge", None),
        Row("basic", "basic summary (extractive)", "basic"),
        Row("topic", "topic-focused summary (extractive)", "topic"),
        Row("llm", "LLM from memory", "llm"),
        Row("trawl", "TRAWL", "trawl", contrast=True),
        Row("trawl-mean", "TRAWL, equation 2 as a mean", "trawl", contrast=True, mean=True),
        Row("no-contrast", "TRAWL without contrastive loss", "trawl"),
        Row("no-adapter", "TRAWL without adapter", "trawl", adapter=False),
    )
}
BACKBONES: Mapping[str, Backbone] = {"din": "din", "dien": "dien", "deepfm": "deepfm"}
NAMES: Mapping[str, str] = {"din": "DIN", "dien": "DIEN", "deepfm": "DeepFM"}
TABLES: Mapping[int, tuple[str, ...]] = {
    1: ("raw", "none", "basic", "topic", "llm", "trawl", "trawl-mean"),
    2: ("trawl", "trawl-mean", "no-contrast", "no-adapter"),
}

_PAPER: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "din": {
        "raw": (0.769, 0.5639), "none": (0.7796, 0.5581), "basic": (0.7726, 0.5625), "topic": (0.7739, 0.5602),
        "llm": (0.7794, 0.5545), "trawl": (0.7812, 0.5538), "no-contrast": (0.7767, 0.5563),
        "no-adapter": (0.7749, 0.5582),
    },
    "dien": {
        "raw": (0.7526, 0.5821), "none": (0.7765, 0.5599), "basic": (0.7558, 0.5774), "topic": (0.7571, 0.5748),
        "llm": (0.7776, 0.5589), "trawl": (0.7789, 0.5572), "no-contrast": (0.7754, 0.5621),
        "no-adapter": (0.7737, 0.5645),
    },
    "deepfm": {
        "raw": (0.7672, 0.5665), "none": (0.7788, 0.5556), "basic": (0.7689, 0.5635), "topic": (0.7702, 0.5611),
        "llm": (0.7787, 0.5572), "trawl": (0.7792, 0.5550), "no-contrast": (0.7750, 0.5589),
        "no-adapter": (0.7732, 0.5603),
    },
}  # fmt: skip

#: Backbone -> row -> the paper's AUC and LogLoss. It does not say which reading of equation 2 it trained with.
PAPER: Mapping[str, Mapping[str, tuple[float, float]]] = {
    backbone: {**figures, "trawl-mean": figures["trawl"]} for backbone, figures in _PAPER.items()
}

#: Pairs of rows that the paper's text compares; which is better by its figures stands in PAPER.
COMPARED = (
    ("trawl", "none"), ("trawl", "raw"), ("trawl", "basic"), ("trawl", "topic"), ("trawl", "llm"), ("raw", "none"),
    ("basic", "raw"), ("topic", "basic"), ("llm", "none"), ("trawl", "no-contrast"), ("no-contrast", "no-adapter"),
    ("trawl", "no-adapter"), ("trawl-mean", "none"), ("trawl-mean", "raw"), ("trawl-mean", "basic"),
    ("trawl-mean", "topic"), ("trawl-mean", "llm"), ("trawl-mean", "no-contrast"), ("trawl-mean", "no-adapter"),
)  # fmt: skip
