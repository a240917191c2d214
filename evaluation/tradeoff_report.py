"""The trade-off curve as one HTML file that needs no network: the plot, the choice, the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from evaluation.bootstrap import Interval
from evaluation.plot import Curve, Mark, plot
from evaluation.tradeoff import Point

_CLICKS, _RECO = "quality-filtered ClickNDCG@5", "RecoDCG@5"
_STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.chosen{background:#ffe9b8}"
)


def html(title: str, points: Sequence[Point], chosen: Point, rule: str, facts: Mapping[str, object]) -> str:
    """Return the page. `facts` says what the figures rest on; `rule` how `chosen` was chosen."""
    mark = Mark(chosen.clicks.mean, chosen.reco_dcg.mean, f"λ = {chosen.parameter:g}")
    lines = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>',
        f"<h1>{escape(title)}</h1>",
        f"<p><b>λ = {chosen.parameter:g}</b>: {escape(rule)}</p>",
        plot(_curves(points), _CLICKS, _RECO, [mark]),
        "<p>Each point is one setting; point at it to read which. Intervals are 95 % bootstrap, pages resampled.</p>",
        _facts(facts),
        _table(points, chosen),
        "</html>",
    ]
    return "\n".join(lines)


def _curves(points: Sequence[Point]) -> list[Curve]:
    curves = []
    for strategy in dict.fromkeys(point.strategy for point in points):
        of = [point for point in points if point.strategy == strategy]
        labels = [f"{strategy} {p.parameter:g}: {_text(p.reco_dcg)}, {_text(p.clicks)}" for p in of]
        curves.append(Curve(strategy, [p.clicks.mean for p in of], [p.reco_dcg.mean for p in of], labels))
    return curves


def _facts(facts: Mapping[str, object]) -> str:
    rows = (f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(rows)}</table><br>"


def _table(points: Sequence[Point], chosen: Point) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("strategy", "λ or threshold", _RECO, _CLICKS, "expected CTR"))
    rows = (
        f"<tr{' class=chosen' if point is chosen else ''}><td>{point.strategy}</td><td>{point.parameter:g}</td>"
        f"<td>{_text(point.reco_dcg)}</td><td>{_text(point.clicks)}</td><td>{_text(point.ctr, 4)}</td></tr>"
        for point in points
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _text(found: Interval, places: int = 2) -> str:
    if found.mean != found.mean:
        return "–"
    return f"{found.mean:.{places}f} [{found.low:.{places}f}, {found.high:.{places}f}]"
