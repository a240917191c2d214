"""The step that fits the blend and chooses its λ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pipeline.rankers.held_out_lists import HELD_OUT, read_lists
from pipeline.rankers.peer import peer_of
from pipeline.rankers.text_weight import orders_by_text, weight_of_quality
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking import blend
from ranking.features import STAGE2
from ranking.lightgbm.peer import peer_scores
from ranking.lightgbm.score import LightGbmScorer
from ranking.quality_weight import choose

_NO_CANDIDATE = (np.array([-1.0, 1.0]),) * 2  # μ 0 and σ 1 if no page has candidates: scores are unchanged


def fit_blend(work: Work) -> dict[str, object]:
    """Compute μ and σ of both scores over all candidates of the pages that stage 2 did not learn from, and choose λ."""
    features, lists = read_lists(work.of("stage2") / HELD_OUT)
    ranker = LightGbmScorer.load("stage2", work.of("stage2") / "model.txt", STAGE2)
    stage2, quality = _NO_CANDIDATE
    if len(features):
        stage2, quality = ranker.predict(features), features[:, STAGE2.index("quality")]
    fitted = blend.fit(stage2, quality, work.config.given_quality_weight)
    figures: dict[str, object] = {"rule": None}
    if work.config.chooses_quality_weight and len(features):
        if orders_by_text(work):
            weight, figures = weight_of_quality(work, features, lists.size)
            fitted = replace(fitted, quality_weight=weight)
        else:
            peer = peer_scores(features, STAGE2, peer_of(work))
            chosen = choose(fitted, lists, stage2, quality, peer, work.config.quality_weight_rule)
            if chosen:
                fitted = replace(fitted, quality_weight=chosen.quality_weight)
                figures = {"rule": chosen.figures(), "trade_off": asdict(chosen.trade_off)}
    fitted.save(work.directory / "blend.json")
    return asdict(fitted) | figures


def notes(figures: Mapping[str, Any], chosen: bool) -> Iterator[str]:
    """Yield the manifest's note on where λ comes from, unless it was set."""
    if not chosen:
        return
    weight, rule = figures["quality_weight"], figures.get("rule")
    if "configured" in figures:  # `weight_note` tells of a lower one
        if weight == figures["configured"]:
            yield f"λ = {weight:g} is the default: it does not worsen the order of text on held-out references"
    elif rule is None:
        yield f"λ = {weight:g} is the default: too few held-out clicks to choose it by"
    else:
        yield (
            f"λ = {weight:g} was chosen on {rule['clicks']:,} held-out clicks: NDCG@5 {rule['ndcg_chosen']:.3f}"
            f" ({rule['ndcg']:.3f} by clicks alone), quality {rule['quality_chosen']:.2f} ({rule['quality']:.2f})"
        )


STEP = Step(
    "blend",
    fit_blend,
    after=("labels", "order", "stage1", "stage2"),
    config=("quality_weight", "quality_weight_rule", "related"),
)
