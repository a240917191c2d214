"""The report on an experiment as one HTML file that needs no network: tables, and a plot of every daily look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from evaluation.experiments.always_valid import Look
from evaluation.experiments.comparison import Difference
from evaluation.experiments.interleaving import Credit
from evaluation.experiments.report import Report, date_of
from evaluation.metrics.bootstrap import Interval
from evaluation.reports.document import facts_table, interval_text, opening
from evaluation.reports.plot import Curve, plot

_HEAD = ("arm", "metric", "difference", "relative, %", "p, one look", "always valid", "p, always valid", "verdict")


def html(report: Report) -> str:
    """Return the page."""
    lines = opening(f"Experiment: {report.experiment}")
    lines += [f"<p><b>{escape(warning)}</b></p>" for warning in report.warnings]
    lines.append(facts_table(facts(report)))
    if report.arms:
        lines += ["<h2>Arms</h2>", _arms(report), "<h2>Differences to the control</h2>", _differences(report)]
        lines += [part for of in report.differences if of.looks for part in _curve(of)]
    for of in report.credits:
        lines += [f"<h2>{escape(f'{of.first} and {of.second}')} in one list</h2>", facts_table(credit_facts(of))]
        lines += [_plot(of.looks, f"share of {of.second} above one half")] if of.looks else []
    return "\n".join([*lines, "</html>"])


def facts(report: Report) -> dict[str, object]:
    """Return what the figures rest on."""
    counts = report.counts
    found: dict[str, object] = {
        "events": f"{counts.events:,}, of which {counts.repeated:,} were sent again",
        "impressions": f"{counts.impressions:,}",
        "clicks": f"{counts.clicks:,}; {counts.unseen_clicks:,} without an impression",
    }
    if report.arms:
        found["sample ratio"] = f"p = {report.mismatch:.3g}"
    for arm, of in report.plans.items():
        found[f"{arm}: detectable now"] = f"{of.detectable:.1%} relative, with 80 % power"
        found[f"{arm}: to detect {of.effect:.0%}"] = f"{of.units:,} units, {of.days_to_go:,} more days"
    return found


def credit_facts(of: Credit) -> dict[str, object]:
    """Return the credit of two interleaved arms."""
    now = of.looks[-1] if of.looks else None
    return {
        "impressions": f"{of.impressions:,}",
        "clicks": f"{of.clicks:,}",
        f"share of {of.second}, %": interval_text(scaled(of.share), 1),
        "p, always valid": f"{now.p_value:.3g}" if now else "–",
        "verdict": verdict(of.found, of.share.mean - 0.5, of.second, of.first),
    }


def verdict(found: bool, difference: float, arm: str, other: str) -> str:
    """Return which arm is better, once the always-valid test has found a difference."""
    if not found:
        return "no difference found yet"
    return f"{arm if difference > 0 else other} is better"


def difference_cells(of: Difference, control: str) -> tuple[str, ...]:
    """Return the cells of a difference, in the order of the table's columns."""
    now = of.looks[-1] if of.looks else None
    places = of.metric.places
    return (
        of.arm,
        of.metric.name + (" (CUPED)" if of.metric.adjusted else ""),
        interval_text(of.absolute, places, signed=True),
        interval_text(scaled(of.relative), 1, signed=True),
        "–" if of.p_value != of.p_value else f"{of.p_value:.3g}",
        interval_text(now.difference, places, signed=True) if now else "–",
        f"{now.p_value:.3g}" if now else "–",
        verdict(of.found, of.absolute.mean, of.arm, control),
    )


def scaled(share: Interval) -> Interval:
    """Return a share in percent."""
    return Interval(100 * share.mean, 100 * share.low, 100 * share.high)


def _arms(report: Report) -> str:
    head = ("arm", "units", "impressions", *(metric.name for metric in report.metrics))
    rows = (
        (arm.name, f"{arm.units:,}", f"{arm.impressions:,}",
         *(interval_text(arm.values[metric.name], metric.places) for metric in report.metrics))
        for arm in report.arms
    )  # fmt: skip
    return _table(head, rows)


def _differences(report: Report) -> str:
    return _table(_HEAD, (difference_cells(of, report.arms[0].name) for of in report.differences))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _curve(of: Difference) -> list[str]:
    return [f"<h3>{escape(of.arm)}: {escape(of.metric.name)}</h3>", _plot(of.looks, "difference to the control")]


def _plot(looks: Sequence[Look], title: str) -> str:
    days = [float(of.day - looks[0].day + 1) for of in looks]
    curves = [
        Curve(
            name, days, values, [f"{date_of(of.day)}: {interval_text(of.difference, 4, signed=True)}" for of in looks]
        )
        for name, values in (
            ("always-valid upper bound", [of.difference.high for of in looks]),
            ("difference", [of.difference.mean for of in looks]),
            ("always-valid lower bound", [of.difference.low for of in looks]),
            ("no difference", [0.0] * len(looks)),
        )
    ]
    return plot(curves, "day", title)
