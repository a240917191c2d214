"""Opens what every arm is measured by: the held-out pages, in two halves where λ is to be chosen, and the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.ablations.answers import Asking
from evaluation.answer_quality import ClickRules
from evaluation.blends import SWEPT
from evaluation.truth import Truth
from pipeline.pair_judge import PairJudge
from pipeline.work import Work
from service.ablation.plan import Plan
from service.commands.held_out import open_log
from store.bundle import Bundle

#: The part of the pages that λ is chosen on, and the part that reports.
CHOOSING, REPORTING = "choosing", "reporting"


class RubricTruth:
    """Judges answers by the rubric, where nobody gave a truth: the judge that the quality head has learnt from."""

    name = "the rubric: no --truth was given, so the judge that the models learnt from judges their answers"

    def __init__(self, work: Work) -> None:
        self._judge = PairJudge(work)

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the rubric's quality of each page after `page1`."""
        return self._judge(np.full(len(page2), page1, np.uint64), page2).astype(np.float64)

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return NaN: a judge says nothing of clicks."""
        return float("nan")


def open_asking(plan: Plan, bundle: Bundle, work: Work) -> Asking:
    """Read the held-out log against a bundle's pages; all arms have the same. Raises InputError, BadParameter."""
    log = open_log(bundle, plan.clicks, plan.impressions, None, None, plan.most_pages, plan.truth)
    truth: Truth = log.truth or RubricTruth(work)
    parts = {REPORTING: log.held_out}
    if plan.quality_weight is None and log.held_out.impressions:
        choosing, reporting = log.held_out.halves(plan.config.seed)
        parts = {CHOOSING: choosing, REPORTING: reporting}
    strategy, numbers = SWEPT["linear"]
    given = {plan.config.quality_weight, *([] if plan.quality_weight is None else [plan.quality_weight])}
    swept = {**SWEPT, "linear": (strategy, tuple(sorted({*numbers, *given})))}
    return Asking(parts, truth, ClickRules.of(log.held_out, plan.satisfied_s), swept)
