"""Without a log: how much the quality head may weigh before the order of text gets worse on held-out references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.rankers.event_source import NOTHING, learnt_from
from pipeline.rankers.text_order import judged_by_rubric
from pipeline.runner.work import Work
from ranking.blend import Scale
from ranking.features import STAGE2, Matrix
from ranking.lightgbm.peer import compare
from ranking.lightgbm.references import TEXT_ORDER, hidden
from ranking.lightgbm.train import Groups
from recall.related.config import RelatedConfig

_STEPS = (1.0, 0.75, 0.5, 0.25)  # of the configured weight


def orders_by_text(work: Work) -> bool:
    """Return whether the order of text ranks, and only the rubric has taught the quality head."""
    return learnt_from(work) == NOTHING and judged_by_rubric(work)


def weight_of_quality(work: Work, features: Matrix, sizes: np.ndarray) -> tuple[float, dict[str, Any]]:
    """Return λ, and the figures of the choice: none where the configured λ is used unseen.

    For sites of `orders_by_text`: both scores read the same text, so the head is no evidence of its own. λ is the
    largest step of the configured one at which NDCG@5 on held-out references (`references.hidden`) is not below that of
    the order of text, beyond noise; fewer than 50 pages say nothing.
    """
    configured = work.config.given_quality_weight
    groups = _with_references(features, sizes)
    if groups is None:
        return configured, {}
    seen = hidden(groups, STAGE2, work.config.section(RelatedConfig).weights).features
    text, quality = seen[:, STAGE2.index(TEXT_ORDER)], seen[:, STAGE2.index("quality")]
    known = Groups(seen, groups.gain, groups.size, groups.weight)
    text, quality = Scale.of(text).z(text), Scale.of(quality).z(quality)
    for step in _STEPS:
        weight = round(step * configured, 4)
        found = compare(known, (1 - weight) * text + weight * quality, STAGE2, work.config.seed, TEXT_ORDER)
        if not found.below:
            return weight, {"references": found.figures(), "configured": configured}
    return 0.0, {"references": found.figures(), "configured": configured}


def weight_note(figures: Mapping[str, Any]) -> list[str]:
    """Return the manifest's note on a λ below the configured one."""
    weight, configured = figures.get("quality_weight"), figures.get("configured")
    if configured is None or weight == configured:
        return []
    return [f"λ is {weight:g}, not {configured:g}: more quality worsens the order of text on held-out references"]


def _with_references(features: Matrix, sizes: np.ndarray) -> Groups | None:
    """Return the candidates of the pages that name or link one of theirs; gain 1 for these."""
    gain = (features[:, STAGE2.index("related_mentions")] > 0).astype(np.float32)
    group = np.repeat(np.arange(len(sizes)), sizes)
    naming = np.bincount(group, gain, len(sizes)) > 0
    if not naming.any():
        return None
    kept = naming[group]
    size = sizes[naming].astype(np.int32)
    return Groups(features[kept], gain[kept], size, np.ones(len(size), np.float32))
