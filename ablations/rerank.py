"""Reranks the candidates of one baseline by the scores of other models: tables 2 and 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from evaluation.answer_quality import AnswerQuality
from evaluation.metrics.ndcg import TOP

#: (the reader's page, candidates) -> one score per candidate; higher is better.
PageScorer = Callable[[int, NDArray[np.uint64]], NDArray[np.float32]]


def rerank(
    candidates: Mapping[int, NDArray[np.uint64]],
    scorers: Mapping[str, PageScorer],
    quality: AnswerQuality,
    progress: Callable[[int], None],
) -> None:
    """Add each page's top five candidates by each scorer to `quality`; pages without candidates are skipped."""
    for done, (page, found) in enumerate(candidates.items(), 1):
        if len(found):
            ranked = {name: found[np.argsort(-score(page, found), kind="stable")] for name, score in scorers.items()}
            quality.add(page, {name: pages[:TOP] for name, pages in ranked.items()}, ranked, ())
        progress(done)
