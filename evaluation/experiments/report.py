"""The report on an experiment: its arms, their differences, what is wrong with it, and how long it still takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.experiments import sample_ratio
from evaluation.experiments.always_valid import Look
from evaluation.experiments.comparison import Difference, Plan, compare, plan
from evaluation.experiments.events import Counts, open_experiment
from evaluation.experiments.interleaving import Credit, credits_of
from evaluation.experiments.metrics import Metric, metrics_of
from evaluation.experiments.panel import IMPRESSIONS, Panel, read_panel
from evaluation.experiments.quality import add_quality, truth_of
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.clicks import SATISFIED_S

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Options:
    """How an experiment is looked at."""

    control: str | None = None  # None: the first arm by name
    shares: Mapping[str, float] | None = None  # of units, by arm; None: equal
    effect: float = 0.05  # relative effect to plan for
    truth: Path | None = None  # judged pairs, or a simulated web, for RecoDCG
    satisfied_s: float = SATISFIED_S


@dataclass(frozen=True, slots=True)
class Arm:
    """What an arm's units saw and did."""

    name: str
    units: int
    impressions: int
    values: dict[str, Interval]  # metric -> value, at one look


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said about an experiment; `differences` and `plans` have the control's rivals in order."""

    experiment: str
    counts: Counts
    metrics: list[Metric]
    arms: list[Arm]
    crossed: int  # units that were in several arms, left out
    mismatch: float  # p-value of the sample ratio
    differences: list[Difference]
    plans: dict[str, Plan]  # by arm, for the first metric
    credits: list[Credit]
    unitless: int = 0  # impressions in one arm without a unit, left out

    @property
    def warnings(self) -> list[str]:
        """What to know before the figures are believed, each with what to do."""
        found = []
        if self.mismatch < sample_ratio.MISMATCH:
            counts = ", ".join(f"{arm.name} {arm.units:,}" for arm in self.arms)
            found.append(
                f"sample-ratio mismatch (p = {self.mismatch:.1e}; {counts}): do not trust the differences; look for"
                " events that one arm loses, or shares that were changed"
            )
        if self.crossed:
            found.append(f"{self.crossed:,} units were in several arms, and are left out: do not change shares midway")
        if self.unitless:
            found.append(
                f"{self.unitless:,} impressions of an arm without a unit are left out: nobody was randomized for them;"
                " send the unit as client_id if there was one"
            )
        if self.counts.unseen_clicks:
            found.append(
                f"{self.counts.unseen_clicks:,} clicks without an impression are left out: send impressions too"
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "experiment": self.experiment,
            **asdict(self.counts),
            "crossed_units": self.crossed,
            "impressions_without_unit": self.unitless,
            "sample_ratio_p_value": self.mismatch,
            "warnings": self.warnings,
            "arms": [asdict(arm) for arm in self.arms],
            "differences": [_of_difference(of) for of in self.differences],
            "plans": {arm: asdict(of) for arm, of in self.plans.items()},
            "interleaving": [{**asdict(of), "looks": _of_looks(of.looks), "found": of.found} for of in self.credits],
        }


def report_on(events: Path, experiment: str, options: Options) -> Report:
    """Read events and compute the report. Raises InputError, for a missing file, column, experiment or arm too."""
    with open_experiment(events, experiment, options.satisfied_s) as (connection, counts):
        add_quality(connection, truth_of(connection, options.truth) if options.truth else None)
        units = read_panel(connection, options.control)
        alpha = ALPHA / max(1, len(units.arms) - 1) if units else ALPHA  # Bonferroni: each rival gets its part
        credit = credits_of(connection, ALPHA)
    if units is None:
        return Report(experiment, counts, [], [], 0, 1.0, [], {}, credit)
    metrics, rivals = metrics_of(units), units.arms[1:]
    differences = [compare(units, metric, arm, alpha) for arm in rivals for metric in metrics]
    plans = {arm: found for arm in rivals if (found := plan(units, metrics[0], arm, alpha, options.effect))}
    arms, mismatch = _arms(units, metrics), sample_ratio.p_value(units.counts(), options.shares)
    left_out = units.unitless
    return Report(experiment, counts, metrics, arms, units.crossed, mismatch, differences, plans, credit, left_out)


def date_of(day: int) -> str:
    """Return the date of a day since 1970."""
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _arms(units: Panel, metrics: list[Metric]) -> list[Arm]:
    columns = list(dict.fromkeys((IMPRESSIONS, *(column for metric in metrics for column in metric.columns))))
    totals, counts = units.total(columns), units.counts()
    return [
        Arm(name, counts[name], round(of.mean(IMPRESSIONS) * of.count()), {m.name: m.value(of) for m in metrics})
        for name, of in totals.items()
    ]


def _of_difference(of: Difference) -> dict[str, Any]:
    return {
        "metric": of.metric.name,
        "arm": of.arm,
        "cuped": of.metric.adjusted,
        "absolute": asdict(of.absolute),
        "relative": asdict(of.relative),
        "p_value": of.p_value,
        "found": of.found,
        "looks": _of_looks(of.looks),
    }


def _of_looks(looks: list[Look]) -> list[dict[str, Any]]:
    return [{"date": date_of(of.day), **asdict(of.difference), "p_value": of.p_value} for of in looks]
