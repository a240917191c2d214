"""The report of a replay, one HTML file that needs no network: figures, plots, and changed answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest

import numpy as np

from evaluation.reports.document import facts_table, interval_text, opening
from evaluation.reports.plot import Curve, plot
from replay.asking import Reply, Side
from replay.compare import TOP, Change, Comparison, Summary

_STYLE = (
    "<style>.side{table-layout:fixed;width:100%}.side td{text-align:left;overflow-wrap:anywhere;width:48%}"
    ".side td:first-child{width:4%}.gone{background:#fbe3e0}.came{background:#e2f3e4}small{color:#666}</style>"
)


def html(title: str, comparisons: Sequence[Comparison], sides: Sequence[Side]) -> str:
    """Return the page; the first side is the one that the others are compared with."""
    lines = [*opening(title), _STYLE, *_times(sides)]
    for found in comparisons:
        lines += [
            f"<h2>{escape(found.left.name)} and {escape(found.right.name)}</h2>",
            facts_table(facts(found)),
            _sides(found.left, found.right),
            _overlaps(found),
            f"<h3>The largest changes ({len(found.changes)} shown)</h3>",
            *(_change(change, found) for change in found.changes),
        ]
    return "\n".join([*lines, "</html>"])


def facts(found: Comparison) -> dict[str, str]:
    """Return the figures of a comparison by name."""
    drift = found.drift
    shifts = (
        {}
        if drift is None
        else {
            "mean score moves by": f"{drift.score:+.2f} standard deviations",
            "mean quality moves by": f"{drift.quality:+.2f} standard deviations",
        }
    )
    return {
        "pages asked": f"{found.pages:,}",
        "requests that they stand for": f"{found.requests:,}",
        "same answer": f"{found.same:.1%}",
        **{name: interval_text(value, 3) for name, value in found.measures.items()},
        **shifts,
    }


def figures(side: Summary) -> dict[str, str]:
    """Return the figures of one side by name."""
    return {
        "mean quality": f"{side.quality:.3f}",
        **{f"{name} ms": f"{value:.1f}" for name, value in side.ms.items()},
        "degraded": f"{side.degraded:.1%}",
        "empty": f"{side.empty:.1%}",
        "errors": f"{side.errors:.1%}",
        **{f"  {reason}": f"{share:.1%}" for reason, share in side.reasons.items()},
    }


def _sides(left: Summary, right: Summary) -> str:
    one, other = figures(left), figures(right)
    rows = (
        f"<tr><td>{escape(name)}</td><td>{one.get(name, '0.0%')}</td><td>{other.get(name, '0.0%')}</td></tr>"
        for name in dict.fromkeys((*one, *other))
    )
    return f"<table><tr><th></th><th>{escape(left.name)}</th><th>{escape(right.name)}</th></tr>{''.join(rows)}</table>"


def _times(sides: Sequence[Side]) -> list[str]:
    shares = [*range(5, 100, 5), 99]
    curves = []
    for side in sides:
        ms = [reply.ms for reply in side.replies.values() if not reply.error]
        if ms:
            values = np.percentile(ms, shares)
            labels = [f"{share} % within {value:.1f} ms" for share, value in zip(shares, values, strict=True)]
            curves.append(Curve(side.name, values.tolist(), shares, labels))
    return ["<h2>Time to answer</h2>", plot(curves, "milliseconds", "% of pages answered")] if curves else []


def _overlaps(found: Comparison) -> str:
    if len(found.overlaps) == 0:
        return ""
    levels = np.arange(TOP + 1) / TOP
    shares = [100 * float(np.mean(found.overlaps <= level + 1e-9)) for level in levels]
    labels = [f"{share:.1f} % of pages share at most {level:.0%}" for level, share in zip(levels, shares, strict=True)]
    curve = Curve(found.right.name, levels.tolist(), shares, labels)
    return plot([curve], f"overlap@{TOP}", "% of pages with at most so much")


def _change(change: Change, found: Comparison) -> str:
    left, right = change.left, change.right
    shown = ([page.url for page in reply.answer.shown] for reply in (left, right))
    rows = (
        f"<tr><td>{place}</td>{_cell(one, left, right, 'gone')}{_cell(other, right, left, 'came')}</tr>"
        for place, (one, other) in enumerate(zip_longest(*shown), 1)
    )
    about = f"asked {change.asked:,} times, rank-biased overlap {change.alike:.2f}"
    head = f"<tr><td></td><td><b>{escape(found.left.name)}</b></td><td><b>{escape(found.right.name)}</b></td></tr>"
    return f"<h4>{escape(change.url1)}<br><small>{about}</small></h4><table class=side>{head}{''.join(rows)}</table>"


def _cell(url: str | None, side: Reply, other: Reply, mark: str) -> str:
    if url is None:
        return "<td></td>"
    kind = "" if any(page.url == url for page in other.answer.shown) else f" class={mark}"
    return f"<td{kind}>{escape(side.titles.get(url, ''))}<br><small>{escape(url)}</small></td>"
