"""The figures of `onward evaluate`: as a JSON value, and as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from evaluation.answer_quality import AnswerQuality
    from evaluation.contributions import Contributions
    from evaluation.held_out import HeldOut
    from evaluation.next_page import NextPageMetrics
    from store.bundle import Bundle

#: Column of the table -> metric of the report.
_NEXT_PAGE = {
    "recall@30": "recall_at_30",
    "HR@5": "hit_rate_at_5",
    "NDCG@5": "ndcg_at_5",
    "ClickNDCG@5": "click_ndcg_at_5",
}
#: Metric of the wanted pages that have no clicks in the bundle's log -> the metric that it is.
_OF_NEW = {"new_recall_at_30": "recall_at_30", "new_ndcg_at_5": "ndcg_at_5"}
_NEW = {"recall@30 new": "new_recall_at_30", "NDCG@5 new": "new_ndcg_at_5"}
_BY_TRUTH = {
    "RecoDCG@5": "reco_dcg_at_5",
    "filtered ClickNDCG@5": "filtered_click_ndcg_at_5",
    "expected CTR": "expected_ctr",
}


def in_sample(end: datetime) -> str:
    """Return what to know of figures of sessions that a bundle has learnt from, up to `end`."""
    return f"in-sample: the bundle has learnt from its log until {end}: for fair figures give a later --since"


def report_of(
    bundle: Bundle,
    held_out: HeldOut,
    measured: NextPageMetrics,
    quality: AnswerQuality | None,
    contributions: Contributions | None = None,
    learnt_from: bool = False,
) -> dict[str, Any]:
    """Return all measurements as plain JSON values; those based on the truth have intervals.

    `learnt_from`: the bundle has learnt from the sessions that measure it.
    """
    report: dict[str, Any] = {
        "bundle": bundle.name,
        "in_sample": learnt_from,
        "pages": len(held_out.pages),
        "pairs": sum(map(len, held_out.steps.values())),
        "impressions": sum(map(len, held_out.impressions.values())),
        "logged_ctr": held_out.click_through_rate.as_dict(),
        "rows": held_out.report.as_dict(),
        "rankings": {name: dict(metrics.as_dict()) for name, metrics in measured.metrics().items()},
    }
    report["new_pairs"] = int(sum(new.sum() for new in measured.new))
    if report["new_pairs"]:
        for name, of_new in measured.of_new_pages().items():
            report["rankings"][name] |= {metric: of_new.as_dict()[of] for metric, of in _OF_NEW.items()}
    if quality is not None:
        report["truth"] = quality.summary()
        for name, metrics in quality.figures().items():
            report["rankings"][name] |= {metric: found.as_dict() for metric, found in metrics.items()}
    if contributions is not None:
        report["paths"] = contributions.figures()
    return report


def show(report: dict[str, Any]) -> None:
    """Print one line per ranking."""
    from rich.console import Console
    from rich.table import Table

    title = f"{report['bundle']}: {report['pairs']:,} held-out steps from {report['pages']:,} pages"
    if report["new_pairs"]:
        title += f", {report['new_pairs']:,} to new pages (no click in the bundle's log)"
    columns = _NEXT_PAGE | (_NEW if report["new_pairs"] else {}) | (_BY_TRUTH if "truth" in report else {})
    table = Table("ranking", title=title)
    for column in columns:
        table.add_column(column, justify="right")
    for name, metrics in report["rankings"].items():
        table.add_row(name, *(_text(metrics[metric]) for metric in columns.values()))
    Console().print(table)
    if "paths" in report:
        Console().print(_paths(report["paths"]))


def _paths(paths: dict[str, dict[str, float | None]]) -> Table:
    """Return one line per recall path: the share of answers that only it found, and their quality."""
    from rich.table import Table

    table = Table("recall path", title="answers recalled by one path only")
    for column in ("share", "mean quality"):
        table.add_column(column, justify="right")
    for path, found in paths.items():
        table.add_row(path, _text(found["share_alone"]), _text(found["mean_quality"]))
    return table


def _text(value: float | dict[str, float | None] | None) -> str:
    """Return a figure, with half the width of its interval where it has one."""
    if not isinstance(value, dict):
        return "-" if value is None else f"{value:.4f}"
    mean, low, high = value["mean"], value["low"], value["high"]
    if mean is None or low is None or high is None:
        return "-"
    places = 2 if mean > 1 else 4
    return f"{mean:.{places}f} ±{(high - low) / 2:.{places}f}"
