"""The step that fits the blend."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking import blend
from ranking.features import STAGE2
from ranking.lightgbm.score import LightGbmScorer

_NO_CANDIDATE = (np.array([-1.0, 1.0]),) * 2  # μ 0 and σ 1 if no page has candidates: scores are unchanged


def fit_blend(work: Work) -> dict[str, object]:
    """Compute μ and σ of both scores over all candidates of the pages that stage 2 did not learn from."""
    features = np.load(work.of("stage2") / "held_out.npy")
    ranker = LightGbmScorer.load("stage2", work.of("stage2") / "model.txt", STAGE2)
    stage2, quality = _NO_CANDIDATE
    if len(features):
        stage2, quality = ranker.predict(features), features[:, STAGE2.index("quality")]
    fitted = blend.fit(stage2, quality, work.config.quality_weight)
    fitted.save(work.directory / "blend.json")
    return asdict(fitted)


STEP = Step("blend", fit_blend, after=("stage2",), config=("quality_weight",))
