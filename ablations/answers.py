"""One pass over a bundle: its answers for every λ, and their quality and clicks (table 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ablations.sample import Sample
from cascade.executor import Cascade
from cascade.types import Candidates
from evaluation.answer_quality import CTR, FILTERED, RECO, SATISFIED, AnswerQuality, ClickRules
from evaluation.held_out import HeldOut
from evaluation.metrics.ndcg import TOP, discounts, ranks
from evaluation.tradeoff import BlendedRankings, Swept, blend_rankings
from evaluation.truth import Truth
from ranking.blend import Blend

HIT_RATE, NDCG = f"hit_rate_at_{TOP}", f"ndcg_at_{TOP}"
METRICS = (RECO, CTR, FILTERED, SATISFIED)


@dataclass(slots=True)
class Answers:
    """The answers of one bundle for one set of pages."""

    quality: AnswerQuality
    candidates: dict[int, NDArray[np.uint64]] = field(default_factory=dict)  # page -> its candidates after stage 1
    _page: list[NDArray[np.uint64]] = field(default_factory=list)
    _ranks: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)

    def add(self, page: int, blended: BlendedRankings, held_out: HeldOut) -> None:
        """Add the answers for one page."""
        self.quality.add(page, blended.answers, blended.rankings, held_out.impressions.get(page, ()))
        self.candidates[page] = blended.trace.stages.get("stage1", Candidates.empty()).pages
        wanted = held_out.steps.get(page, np.empty(0, np.uint64))
        self._page.append(np.full(len(wanted), page, np.uint64))
        for name, answer in blended.answers.items():
            self._ranks.setdefault(name, []).append(ranks(answer, wanted))

    def add_to(self, sample: Sample, arm: str) -> None:
        """Add all measurements to the sample, as one seed of an arm."""
        sample.add(arm, self.quality, METRICS)
        pages = np.concatenate(self._page)
        for name, parts in self._ranks.items():
            place = np.concatenate(parts)
            sample.add_rows(f"{arm}: {name}", HIT_RATE, (place > 0).astype(np.float64), pages)
            sample.add_rows(f"{arm}: {name}", NDCG, discounts(place), pages)


@dataclass(frozen=True, slots=True)
class Asking:
    """The pages to request, and how answers are measured: the same for every arm and seed."""

    parts: Mapping[str, HeldOut]  # name of a part -> its pages; parts are disjoint
    truths: Mapping[str, Truth]  # name of a part -> the truth that judges its answers
    truth: Truth  # for the models
    rules: ClickRules
    swept: Swept

    @property
    def pages(self) -> int:
        """The number of pages requested in one pass."""
        return sum(len(part.pages) for part in self.parts.values())


async def answers(
    cascade: Cascade, blend: Blend, asking: Asking, progress: Callable[[int], None]
) -> dict[str, Answers]:
    """Return the answers of each part."""
    found = {name: Answers(AnswerQuality(asking.truths[name], asking.rules)) for name in asking.parts}
    done = 0
    for name, held_out in asking.parts.items():
        for page in held_out.pages:
            found[name].add(page, await blend_rankings(cascade, blend, page, asking.swept), held_out)
            done += 1
            progress(done)
    return found
