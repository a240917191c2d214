"""Opens what every arm is measured on: pages whose labels were not trained on, in two parts (one for λ), and truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ablations.answers import Asking
from ablations.plan import Plan
from corpus.label_split import Role
from evaluation.answer_quality import ClickRules
from evaluation.blends import SWEPT
from evaluation.held_out_log import open_log
from evaluation.truth import Truth, observable
from pipeline.labels.rubric_judge import PairJudge
from pipeline.runner.work import Work
from store.bundle import Bundle

#: The part of the pages that λ is chosen on, and the part whose figures are reported.
CHOOSING, REPORTING = "choosing", "reporting"
_ROLES = {CHOOSING: Role.VALIDATION, REPORTING: Role.TEST}


class RubricTruth:
    """Judges answers by the rubric if no truth was given: the same judge that the quality head learnt from."""

    name = "the rubric: no --truth was given, so the judge that the models learnt from judges their answers"

    def __init__(self, work: Work) -> None:
        self._judge = PairJudge(work)

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the rubric's quality of each page after `page1`."""
        return self._judge(np.full(len(page2), page1, np.uint64), page2).astype(np.float64)

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return NaN: a judge does not predict clicks."""
        return float("nan")


def open_asking(plan: Plan, bundle: Bundle, work: Work) -> Asking:
    """Read the held-out log for a bundle's pages; all arms have the same pages. Raises InputError, BadParameter.

    λ is chosen by what a site can observe, on pages other than those whose figures are reported by the truth.
    """
    share = bundle.held_out_share
    log = open_log(bundle, plan.clicks, plan.impressions, None, None, plan.most_pages, plan.truth, share)
    truth: Truth = log.truth or RubricTruth(work)
    parts, rules = {REPORTING: log.held_out}, ClickRules.of(log.held_out, plan.satisfied_s)
    if plan.quality_weight is None and log.held_out.impressions:
        parts = {name: log.held_out.of_role(role, share, plan.config.seed) for name, role in _ROLES.items()}
        rules = ClickRules.of(parts[CHOOSING], plan.satisfied_s)
    strategy, numbers = SWEPT["linear"]
    given = {plan.config.given_quality_weight, *([] if plan.quality_weight is None else [plan.quality_weight])}
    swept = {**SWEPT, "linear": (strategy, tuple(sorted({*numbers, *given})))}
    return Asking(parts, {CHOOSING: observable(truth), REPORTING: truth}, truth, rules, swept)
