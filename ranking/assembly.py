"""Assembles the cascade from the files of a bundle: the gateway's, and the build's, which stores answers with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from cascade.executor import Cascade, RecallStep
from cascade.stages import Stage
from cascade.types import Filter, RecallPath, Scorer
from ranking.blend import Blend
from ranking.copies import without_copies
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.features import STAGE1, STAGE2
from ranking.freshness import Freshened
from ranking.hydrate import PageFacts, PageLookup
from ranking.languages import ANY_LANGUAGE, SiteLanguages
from ranking.lightgbm.score import LightGbmScorer
from ranking.select import Select
from recall.merge import merge
from recall.paths import ALL_PATHS, STORED, Recall, open_recall
from store.tables import Table
from text_model.tokens import PageTokenizer


@dataclass(frozen=True, slots=True)
class Part:
    """How many candidates a recall path brings or a stage passes on, and how long it may take."""

    most: int
    timeout_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Choices:
    """What a site may set. The defaults are those of `configs/serve.toml`, without any limit on time."""

    recall: Mapping[str, Part] = field(default_factory=lambda: {path.name: Part(path.limit) for path in ALL_PATHS})
    stage1: Part = Part(30)
    stage2: Part = Part(30)
    blend: Part = Part(30)
    read_timeout_s: float = math.inf
    adult: bool = True  # drop adult pages
    half_life_days: float = 0.0
    select: Select = field(default_factory=Select)
    kept_pairs: int = 0
    page_state_bytes: int = 64_000_000

    def limits(self) -> dict[str, int]:
        """Return what decides which pages are in a ranked list: lists of other limits would be others."""
        recall = {f"recall.{name}.limit": part.most for name, part in self.recall.items()}
        stages = {"stage1": self.stage1, "stage2": self.stage2, "blend": self.blend}
        tops = {f"{name}.keep_top": part.most for name, part in stages.items()}
        return {**recall, **tops, "filters.adult": int(self.adult)}


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of every part, and how many one run of a model uses."""

    recall: Mapping[str, Executor]
    ranking: Executor
    cross_encoder: Executor
    onnx: int
    stage1: int


def open_cascade(
    file: Callable[[str], Path],
    directory: Path,
    tables: Mapping[str, Table],
    tokenizer: PageTokenizer,
    filters: Sequence[Filter],
    choices: Choices,
    threads: Threads,
    languages: SiteLanguages = ANY_LANGUAGE,
) -> tuple[Cascade, Recall]:
    """Return the cascade over the bundle in `directory`, and its recall half; `file` returns a checked file's path."""
    recall = open_recall(
        lambda path: directory / path.name, tables, tokenizer, threads.recall, threads.ranking, threads.onnx
    )
    cascade = Cascade(
        trigger=PageLookup(tables["pages"], tokenizer, languages),
        recall=[step for path in recall.paths if (step := _recall_step(path, choices)).limit],
        fallback=_recall_step(recall.fallback, choices),
        merge=merge,
        hydrate=PageFacts(tables["pages"]),
        filters=filters,
        stages=_stages(file, directory, recall, tokenizer, choices, threads),
        select=choices.select,
        native=threads.ranking,
        read_timeout_s=choices.read_timeout_s,
        stored=STORED.name,
    )
    return cascade, recall


def _stages(
    file: Callable[[str], Path],
    directory: Path,
    recall: Recall,
    tokenizer: PageTokenizer,
    choices: Choices,
    threads: Threads,
) -> tuple[Stage, ...]:
    encoder = directory / "cross_encoder"
    model = open_pair_model(encoder, tokenizer.marks, threads.onnx, choices.page_state_bytes)
    heads = CrossEncoderHeads(model, threads.cross_encoder, choices.kept_pairs)
    stage1 = LightGbmScorer.load("stage1", file("stage1/model.txt"), STAGE1, threads.stage1)
    stage2 = LightGbmScorer.load("stage2", file("stage2/model.txt"), STAGE2)
    blend: Scorer = Blend.load(file("blend.json"))
    if choices.half_life_days:
        blend = Freshened(blend, choices.half_life_days)
    return (
        Stage(recall.similarities, stage1, *_limits(choices.stage1), distinct=without_copies),
        Stage((), stage2, *_limits(choices.stage2), anytime=heads),
        Stage((), blend, *_limits(choices.blend), on_loop=True),
    )


def _limits(part: Part) -> tuple[int, float]:
    return part.most, part.timeout_s


def _recall_step(path: RecallPath, choices: Choices) -> RecallStep:
    part = choices.recall[path.name]
    return RecallStep(path, part.most, part.timeout_s)
