"""Off-policy estimates of the clicks per answer that another ranking would get, from an exploration log.

A click is taken to depend on the reader's page, the page shown and its position alone (the item-position model of
Li et al., "Offline evaluation of ranking policies with click models", KDD 2018), so positions are weighted one by one:
by 1 / propensity where the ranking would have shown the same page there, else by 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.experiments.metrics import ratio
from evaluation.experiments.panel import aggregates
from evaluation.metrics.bootstrap import Interval
from evaluation.off_policy.click_model import predicted
from evaluation.off_policy.log import NO_PAGE, ExplorationLog

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Clicks per answer, each with its 95 % interval; clusters of impressions are resampled as a whole."""

    logged: Interval  # of the lists that were shown
    ips: Interval  # inverse propensity score: unbiased, and the widest
    snips: Interval  # self-normalized: biased by less than its interval
    dr: Interval  # doubly robust: a click model, corrected by weighted errors
    impressions: int
    matched: float  # share of the positions at which the ranking would have shown the same page


def estimate(log: ExplorationLog, target: NDArray[np.uint64]) -> Estimates:
    """Return what the ranking would get whose list for each impression is `target` (impressions, positions)."""
    match = (log.shown == target) & (target != NO_PAGE)
    weight = match / log.propensity
    clicked = log.clicked.astype(np.float64)
    errors = weight * (clicked - predicted(log, log.shown))
    expected = np.where(target == NO_PAGE, 0.0, predicted(log, target))
    return Estimates(
        logged=_mean(clicked.sum(axis=1), log.cluster),
        ips=_mean((weight * clicked).sum(axis=1), log.cluster),
        snips=_self_normalized(weight, clicked, log.cluster),
        dr=_mean((expected + errors).sum(axis=1), log.cluster),
        impressions=len(target),
        matched=float(match.mean()),
    )


def _mean(values: Floats, cluster: NDArray[np.int64]) -> Interval:
    """Return the mean over impressions, and its interval over clusters."""
    sums = [np.bincount(cluster, of).astype(np.float64) for of in (values, np.ones(len(values)))]
    return ratio(aggregates(dict(zip(("value", "impressions"), sums, strict=True))), "value", "impressions")


def _self_normalized(weight: Floats, clicked: Floats, cluster: NDArray[np.int64]) -> Interval:
    """Return Σ over positions of Σ weight · click / Σ weight; the interval is that of its linear approximation."""
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # a position at which nothing matched has no estimate
        rate = (weight * clicked).sum(axis=0) / total
    if not (total > 0).any():
        return Interval(float("nan"), float("nan"), float("nan"))
    rate = np.nan_to_num(rate)
    influence = weight * (clicked - rate) / np.where(total > 0, total / len(weight), 1.0)
    spread = _mean(influence.sum(axis=1), cluster)
    value = float(rate.sum())
    return Interval(value, value + spread.low - spread.mean, value + spread.high - spread.mean)
