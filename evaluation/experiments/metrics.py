"""The metrics of an experiment: ratios of sums over units, whose variance the delta method gives."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from tea_tasting import RatioOfMeans
from tea_tasting.aggr import Aggregates

from evaluation.experiments import panel
from evaluation.experiments.panel import Panel
from evaluation.metrics.bootstrap import CONFIDENCE, Interval


@dataclass(frozen=True, slots=True)
class Metric:
    """Σ numerator / Σ denominator over units; `adjusted` by clicks before the experiment (CUPED)."""

    name: str
    numerator: str
    denominator: str
    adjusted: bool = False
    places: int = 4

    @property
    def columns(self) -> tuple[str, ...]:
        """The sums that it needs."""
        return (self.numerator, self.denominator, *((panel.PRE_CLICKS, panel.PRE_IMPRESSIONS) if self.adjusted else ()))

    def test(self, confidence: float) -> RatioOfMeans:
        """Return Welch's two-sided test."""
        return RatioOfMeans(*self.columns, confidence_level=confidence, equal_var=False)

    def power(self, alpha: float, effect: float) -> RatioOfMeans:
        """Return the power analysis for a relative effect and a power of 80 %, by the normal distribution.

        SciPy's noncentral t-distribution is NaN at the sizes that it is asked for.
        """
        return RatioOfMeans(*self.columns, alpha=alpha, power=0.8, equal_var=False, use_t=False, rel_effect_size=effect)

    def value(self, of: Aggregates, confidence: float = CONFIDENCE) -> Interval:
        """Return the ratio of one arm, without adjustment, and its interval; NaN without a denominator."""
        return ratio(of, self.numerator, self.denominator, confidence)


#: The first one decides.
CLICKS_PER_ANSWER = Metric("clicks per answer", panel.CLICKS, panel.IMPRESSIONS)
_ALL = (
    CLICKS_PER_ANSWER,
    Metric("CTR", panel.CLICKED, panel.IMPRESSIONS),
    Metric("satisfied clicks per answer", panel.SATISFIED, panel.IMPRESSIONS),
    Metric("RecoDCG@5", panel.RECO, panel.JUDGED, places=2),
)


def metrics_of(units: Panel) -> list[Metric]:
    """Return the metrics that the log can give; those of clicks are adjusted if units had clicks before."""
    adjusted = units.has(panel.PRE_CLICKS)
    of_clicks = (panel.CLICKS, panel.CLICKED, panel.SATISFIED)
    kept = [m for m in _ALL if units.has(m.numerator) or m is CLICKS_PER_ANSWER]
    return [Metric(m.name, m.numerator, m.denominator, adjusted and m.numerator in of_clicks, m.places) for m in kept]


def ratio(of: Aggregates, numerator: str, denominator: str, confidence: float = CONFIDENCE) -> Interval:
    """Return Σ numerator / Σ denominator and its interval by the delta method; NaN without a denominator."""
    if of.mean(denominator) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float(of.mean(numerator) / of.mean(denominator))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(of.ratio_var(numerator, denominator) / of.count()) ** 0.5
    return Interval(value, value - half, value + half)
