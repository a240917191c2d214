"""The step that fits the blend."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from pipeline.rankers.held_out import HELD_OUT, HELD_OUT_SIZES
from pipeline.rankers.text_weight import weight_of_quality
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking import blend
from ranking.features import STAGE2
from ranking.lightgbm.score import LightGbmScorer

_NO_CANDIDATE = (np.array([-1.0, 1.0]),) * 2  # μ 0 and σ 1 if no page has candidates: scores are unchanged


def fit_blend(work: Work) -> dict[str, object]:
    """Compute μ and σ of both scores over all candidates of the pages that stage 2 did not learn from."""
    features, sizes = (np.load(work.of("stage2") / name) for name in (HELD_OUT, HELD_OUT_SIZES))
    ranker = LightGbmScorer.load("stage2", work.of("stage2") / "model.txt", STAGE2)
    stage2, quality = _NO_CANDIDATE
    if len(features):
        stage2, quality = ranker.predict(features), features[:, STAGE2.index("quality")]
    weight, figures = weight_of_quality(work, features, sizes)
    fitted = blend.fit(stage2, quality, weight)
    fitted.save(work.directory / "blend.json")
    return asdict(fitted) | figures


STEP = Step("blend", fit_blend, after=("labels", "stage1", "stage2"), config=("quality_weight", "related"))
