"""Builds every arm under every seed, and pools what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import typer
from numpy.typing import NDArray

from evaluation.ablations.answers import Answers, Asking, answers
from evaluation.ablations.rerank import PageScorer, rerank
from evaluation.ablations.sample import Sample
from evaluation.answer_quality import RECO, AnswerQuality
from pipeline.progress import progress
from ranking.blend import Blend
from service.ablation.arms import BASELINE, CE, CLICKS, DIRECT, DISTILLED, QPRIME, SCE, Arms
from service.ablation.asking import open_asking
from service.ablation.models import student, teacher
from service.ablation.plan import Plan
from service.commands.held_out import over_pages
from store.bundle import Bundle

#: Table -> what the sample calls its rankings.
MODELS = {2: "teachers", 3: "students"}

Candidates = Mapping[int, NDArray[np.uint64]]


@dataclass(slots=True)
class Measured:
    """What all seeds' arms answered."""

    sample: Sample = field(default_factory=Sample)
    asking: Asking | None = None
    bundles: list[str] = field(default_factory=list)
    kept: dict[str, object] = field(default_factory=dict)  # part -> impressions that filtered ClickNDCG reads, a seed


def measure(plan: Plan) -> Measured:
    """Build and measure what the plan's tables need; nothing when it asks for no table but the first."""
    measured = Measured()
    if set(plan.tables) <= {1}:
        return measured
    for seed in range(plan.seeds):
        arms = plan.arms(seed)
        typer.echo(f"seed {arms.config.seed}", err=True)
        _seed(plan, arms, measured)
    return measured


def _seed(plan: Plan, arms: Arms, measured: Measured) -> None:
    candidates: dict[int, NDArray[np.uint64]] = {}
    for name in (BASELINE, *([QPRIME] if 5 in plan.tables else [])):
        bundle = _built(arms, name)
        measured.bundles.append(f"{name} {bundle.name}")
        measured.asking = measured.asking or open_asking(plan, bundle, arms.work(BASELINE))
        found = _answers(plan, arms, name, bundle, measured.asking)
        for part, answered in found.items():
            answered.add_to(measured.sample, f"{name}/{part}")
            measured.kept[part] = answered.quality.summary()["kept_impressions"]
            if name == BASELINE:
                candidates |= answered.candidates
    assert measured.asking is not None  # noqa: S101 - opened above
    for table in set(MODELS) & set(plan.tables):
        _models(arms, table, candidates, measured.asking, measured.sample)


def _built(arms: Arms, name: str) -> Bundle:
    bundle = arms.build(name)
    assert bundle is not None, name  # noqa: S101 - these arms publish
    return bundle


def _answers(plan: Plan, arms: Arms, name: str, bundle: Bundle, asking: Asking) -> dict[str, Answers]:
    blend = Blend.load(bundle.file("blend.json"))
    return over_pages(
        f"asking {name}",
        arms.bundles(name),
        bundle,
        plan.serving,
        asking.pages,
        lambda cascade, advance: answers(cascade, blend, asking, advance),
    )


def _models(arms: Arms, table: int, candidates: Candidates, asking: Asking, sample: Sample) -> None:
    scorers = _teachers(arms) if table == 2 else _students(arms)
    quality = AnswerQuality(asking.truth, asking.rules)
    with progress(f"scoring by {MODELS[table]}", len(candidates)) as advance:
        rerank(candidates, scorers, quality, advance)
    sample.add(MODELS[table], quality, (RECO,))


def _teachers(arms: Arms) -> dict[str, PageScorer]:
    for name in (SCE, CE):
        arms.build(name)
    soft, hard = arms.work(SCE), arms.work(CE)
    return {
        "click teacher": teacher(soft, "click"),
        "CE loss": teacher(hard, "quality"),
        "soft CE loss": teacher(soft, "quality"),
    }


def _students(arms: Arms) -> dict[str, PageScorer]:
    for name in (CLICKS, DISTILLED, DIRECT):
        arms.build(name)
    return {
        "click-only student": student(arms.work(CLICKS), "click"),
        "teacher distillation": student(arms.work(DISTILLED), "quality"),
        "direct fine-tuning": student(arms.work(DIRECT), "quality"),
    }
