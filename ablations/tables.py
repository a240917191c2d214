"""The tables of an ablation: measured figures beside those of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ablations.sample import Differing, Sample
from evaluation.metrics.bootstrap import Interval, difference

#: Table -> row -> column -> the paper's figure (tables 1, 2, 3 and 5 of the Bing paper).
PAPER: Mapping[int, Mapping[str, Mapping[str, float]]] = {
    1: {"A": {"accuracy": 0.77}, "B": {"accuracy": 0.79}, "C": {"accuracy": 0.87}},
    2: {"CE loss": {"RecoDCG@5": 8.48}, "soft CE loss": {"RecoDCG@5": 8.29}},
    3: {"teacher distillation": {"RecoDCG@5": 9.76}, "direct fine-tuning": {"RecoDCG@5": 1.44}},
    5: {
        "quality-aware ranking": {"CTR %": -1.20, "RecoDCG@5": 5.100},
        "Q' recall": {"CTR %": 1.71, "RecoDCG@5": 0.762},
        "both": {"CTR %": 0.52, "RecoDCG@5": 5.862},
    },
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, its interval, the figure of each seed, and the paper's; a `signed` one is a gain or a loss."""

    found: Interval
    paper: float | None = None
    seeds: Sequence[float] = ()
    signed: bool = True

    @property
    def agrees(self) -> str:
        """Whether the sign agrees with the paper: yes, no, unclear (the interval includes 0), or "" (no comparison)."""
        if self.paper is None or not self.signed or np.isnan(self.found.mean):
            return ""
        if self.found.low <= 0 <= self.found.high:
            return "unclear"
        return "yes" if (self.found.mean > 0) == (self.paper > 0) else "no"

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        seeds = [round(seed, 4) for seed in self.seeds if not np.isnan(seed)]
        return {**self.found.as_dict(), "seeds": seeds, "paper": self.paper, "agrees": self.agrees}


@dataclass(frozen=True, slots=True)
class Row:
    """One arm: one figure per column."""

    name: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the paper, reproduced; `notes` say what the figures are based on, or why there are none."""

    number: int
    title: str
    rows: Sequence[Row] = ()
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        rows = {row.name: {name: figure.as_dict() for name, figure in row.figures.items()} for row in self.rows}
        return {"number": self.number, "title": self.title, "rows": rows, "notes": self.notes}


@dataclass(frozen=True, slots=True)
class Compared:
    """A column of differences: a metric of the sample, and how the values of two rankings are compared."""

    column: str
    metric: str
    differing: Differing = difference


def compared(
    sample: Sample, table: int, rows: Mapping[str, str], control: str, columns: Sequence[Compared]
) -> list[Row]:
    """Return one row per name -> ranking; each figure is a paired difference from the control ranking."""
    return [
        Row(
            name,
            {
                c.column: Figure(
                    sample.against(ranking, control, c.metric, c.differing),
                    PAPER[table].get(name, {}).get(c.column),
                    sample.by_seed(ranking, control, c.metric, c.differing),
                )
                for c in columns
            },
        )
        for name, ranking in rows.items()
    ]


def absolute(sample: Sample, name: str, ranking: str, columns: Mapping[str, str]) -> Row:
    """Return the row of the control ranking with absolute values: column -> metric."""
    return Row(name, {c: Figure(sample.interval(ranking, metric), signed=False) for c, metric in columns.items()})
