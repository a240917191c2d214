"""Drift between two bundles: how much their answers for the same URLs overlap, and how far scores have shifted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from service.bundles.check_messages import Refused, Sample
from service.settings import SwapSettings

_FORCE = "compare its figures with `onward inspect`; swap with `force` to accept it"


@dataclass(frozen=True, slots=True)
class Drift:
    """Changes from one sample to another. Shifts are of means, in standard deviations of the first sample."""

    common: float  # share of the first sample's pages that the second one shows for the same URL
    score: float
    quality: float


def between(live: Sample, candidate: Sample) -> Drift | None:
    """Return the drift over URLs whose live answer is complete; None when there are none."""
    urls = [url for url, answer in live.items() if answer.shown and not answer.degraded]
    if not urls:
        return None
    pairs = [(live[url].shown, candidate[url].shown if url in candidate else []) for url in urls]
    common = sum(len({page.url for page in old} & {page.url for page in new}) for old, new in pairs)
    before, after = ([page for pair in pairs for page in pair[side]] for side in (0, 1))
    return Drift(
        common / len(before),
        _shift((page.score for page in before), (page.score for page in after)),
        _shift((page.quality for page in before), (page.quality for page in after)),
    )


def refuse(drift: Drift, limits: SwapSettings) -> None:
    """Raise Refused when the drift exceeds the limits; the message names the figure."""
    if drift.common < limits.min_common:
        figure = f"only {drift.common:.1%} of the pages in the live bundle's warm-up answers appear again"
        raise Refused("scores", f"{figure}, and swap.min_common is {limits.min_common:.1%}: {_FORCE}")
    for name, shift in (("score", drift.score), ("quality", drift.quality)):
        if abs(shift) > limits.max_shift:
            figure = f"the mean {name} of warm-up answers shifts by {shift:+.2f} standard deviations"
            raise Refused("scores", f"{figure}, and swap.max_shift is {limits.max_shift:g}: {_FORCE}")


def _shift(before: Iterable[float | None], after: Iterable[float | None]) -> float:
    """Return the shift; 0 when the first sample has no numbers, infinity when only the second has none."""
    old, new = (np.array([value for value in values if value is not None]) for values in (before, after))
    if len(old) == 0:
        return 0.0
    if len(new) == 0:
        return float("inf")
    spread = float(old.std()) or max(abs(float(old.mean())), 1.0) * 1e-3  # all equal: any change is large
    return float((new.mean() - old.mean()) / spread)
