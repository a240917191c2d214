"""The report on the trade-off curve, one HTML file that needs no network: the plot, the chosen λ, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from evaluation.reports.document import facts_table, interval_text, opening
from evaluation.reports.plot import Curve, Mark, plot
from evaluation.tradeoff import Point

CLICKS, RECO = "quality-filtered ClickNDCG@5", "RecoDCG@5"


def html(title: str, points: Sequence[Point], chosen: Point, rule: str, facts: Mapping[str, object]) -> str:
    """Return the page. `facts` describe the data; `rule` explains how `chosen` was chosen."""
    mark = Mark(chosen.clicks.mean, chosen.reco_dcg.mean, f"λ = {chosen.parameter:g}")
    lines = [
        *opening(title),
        f"<p><b>λ = {chosen.parameter:g}</b>: {escape(rule)}</p>",
        plot(curves(points), CLICKS, RECO, [mark]),
        "<p>Each point is one setting; hover to see which. Intervals are 95 % bootstrap, resampling pages.</p>",
        facts_table(facts),
        _table(points, chosen),
        "</html>",
    ]
    return "\n".join(lines)


def curves(points: Sequence[Point]) -> list[Curve]:
    """Return one curve per strategy, clicks against quality; each point is labelled with its figures."""
    found = []
    for strategy in dict.fromkeys(point.strategy for point in points):
        of = [point for point in points if point.strategy == strategy]
        labels = [f"{strategy} {p.parameter:g}: {interval_text(p.reco_dcg)}, {interval_text(p.clicks)}" for p in of]
        found.append(Curve(strategy, [p.clicks.mean for p in of], [p.reco_dcg.mean for p in of], labels))
    return found


def _table(points: Sequence[Point], chosen: Point) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("strategy", "λ or threshold", RECO, CLICKS, "expected CTR"))
    rows = (
        f"<tr{' class=chosen' if point is chosen else ''}><td>{point.strategy}</td><td>{point.parameter:g}</td>"
        f"<td>{interval_text(point.reco_dcg)}</td><td>{interval_text(point.clicks)}</td>"
        f"<td>{interval_text(point.ctr, 4)}</td></tr>"
        for point in points
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
