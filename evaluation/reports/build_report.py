"""The build report, one HTML file that needs no network: the figures of every step, the losses of every model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from evaluation.reports.document import facts_table, opening
from evaluation.reports.plot import Curve, plot

_STEP = "step"
_LOSSES = ("curve", "curves")  # keys of loss curves among a step's figures
_TRADE_OFF = "trade_off"  # key of what every λ costs and gains


def html(title: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page. `metrics` are the figures in a bundle's manifest, by step."""
    lines = opening(title)
    for step, figures in metrics.items():
        lines += [f"<h2>{escape(step)}</h2>", facts_table(scalars(figures))]
        for model, losses in _losses(figures):
            curves = [Curve(name, losses[_STEP], values, _labels(values)) for name, values in losses.items()
                      if name != _STEP]  # fmt: skip
            lines += [f"<h3>{escape(model)}</h3>" if model else "", plot(curves, "step", "loss")]
        if points := figures.get(_TRADE_OFF):
            labels = [f"λ = {weight:g}" for weight in points["quality_weight"]]
            curve = Curve("λ from 0 to 1", points["quality"], points["ndcg"], labels)
            lines.append(plot([curve], "mean quality of five pages", "NDCG@5 of clicks"))
    return "\n".join([*lines, "</html>"])


def scalars(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's figures without its curves."""
    return {name: value for name, value in figures.items() if name not in (*_LOSSES, _TRADE_OFF)}


def _losses(figures: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, list[float]]]]:
    """Yield the curve of each model that has any points."""
    named = {"": figures.get("curve", {}), **figures.get("curves", {})}
    yield from ((model, losses) for model, losses in named.items() if losses)


def _labels(values: list[float]) -> list[str]:
    return [f"{value:.4g}" for value in values]
