from __future__ import annotations

import math

import pytest

from service.bundles.check_messages import Refused, Sample, Sampled, Shown
from service.bundles.compare_answers import between, refuse
from service.settings import SwapSettings

LIMITS = SwapSettings(min_common=0.3, max_shift=1.0)


def sample(pages: str, *, shift: float = 0.0, quality: float | None = 2.0, degraded: tuple[str, ...] = ()) -> Sample:
    shown = [Shown(page, -i + shift, quality) for i, page in enumerate(pages)]
    return {"https://a.example/": Sampled(shown=shown, degraded=list(degraded))}


def test_equal_answers_have_no_drift() -> None:
    drift = between(sample("abcd"), sample("abcd"))
    assert (drift.common, drift.score, drift.quality) == (1.0, 0.0, 0.0)
    refuse(drift, LIMITS)


def test_too_few_common_pages_are_refused_with_the_figure() -> None:
    drift = between(sample("abcd"), sample("awxyz"))
    assert drift.common == 0.25
    with pytest.raises(Refused, match=r"25\.0% of the pages.*swap\.min_common is 30\.0%"):
        refuse(drift, LIMITS)


def test_a_shift_of_the_mean_score_is_refused_with_the_figure() -> None:
    drift = between(sample("abc"), sample("abc", shift=1.0))
    assert drift.score == pytest.approx(1 / math.sqrt(2 / 3))
    with pytest.raises(Refused, match=r"mean score of warm-up answers shifts by \+1\.22 standard deviations"):
        refuse(drift, LIMITS)


def test_a_bundle_whose_scores_are_all_null_is_refused() -> None:
    drift = between(sample("abc"), sample("abc", quality=None))
    with pytest.raises(Refused, match="mean quality"):
        refuse(drift, LIMITS)


def test_quality_is_not_compared_where_the_live_bundle_has_none() -> None:
    refuse(between(sample("abc", quality=None), sample("abc")), LIMITS)


def test_an_offered_bundle_without_answers_is_refused() -> None:
    with pytest.raises(Refused):
        refuse(between(sample("abc"), {}), LIMITS)


def test_degraded_answers_of_the_live_bundle_are_not_compared() -> None:
    assert between(sample("abc", degraded=("stage2:timeout",)), sample("abc")) is None
