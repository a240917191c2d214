"""The ablation's report in one HTML file: its inputs, every table beside the paper's, and the trade-off curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow.parquet as pq

from ablations.arms import BASELINE
from ablations.measure import Measured
from ablations.page import table_html
from ablations.plan import Plan
from ablations.results import Results
from evaluation.answer_quality import MIN_RANDOM_IMPRESSIONS
from evaluation.reports.document import facts_table, opening
from evaluation.reports.plot import Mark, plot
from evaluation.reports.tradeoff_report import CLICKS, RECO, curves

_HOW = (
    "Figures are means over pages and seeds. Intervals are 95 % bootstrap: pages are resampled, each with its rows"
    " from all seeds; differences are paired by page and seed. The paper's figures come from Bing's traffic and models:"
    " compare signs, not sizes. “unclear”: the interval includes 0."
)
_BASELINE = (
    "Every arm of the cascade has the same two-headed cross-encoder, so the quality head's score is a feature of the"
    " baseline's ranker too; the baseline answers with λ = 0 and was trained without Q'."
)


def html(found: Results, facts: Mapping[str, object]) -> str:
    """Return the HTML page."""
    lines = [*opening("The paper's tables, measured again"), facts_table(facts), f"<p>{_HOW}</p>"]
    for table in found.tables:
        lines.append(table_html(table))
        if table.number == 5:
            lines.append(f"<p>{_BASELINE}</p>")
    if found.curve:
        mark = found.chosen
        marks = [Mark(mark.clicks.mean, mark.reco_dcg.mean, f"λ = {mark.parameter:g}")] if mark else []
        lines += [
            "<h2>Figure 3: quality against clicks, with Q', on the reporting pages</h2>",
            plot(curves(found.curve), CLICKS, RECO, marks),
            "<p>Each point is one setting; hover over it to see which.</p>",
        ]
    return "\n".join([*lines, "</html>"])


def facts_of(plan: Plan, measured: Measured, profile: str, overrides: Sequence[str]) -> dict[str, object]:
    """Return what the figures are based on."""
    first = plan.config.seed
    facts: dict[str, object] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": plan.data.name,
        "built from rows before": plan.until.isoformat() if plan.until else "all rows",
        "profile": profile,
        "settings": " ".join(overrides) or "the profile's",
        "seeds": ", ".join(str(first + seed) for seed in range(plan.seeds)),
    }
    if measured.asking is None:
        return facts
    root = plan.arms(0).work(BASELINE).root
    for name in ("pages", "clicks", "impressions", "labels"):
        facts[f"{name} used for training"] = pq.read_metadata(root / "read" / f"{name}.parquet").num_rows
    for part, held_out in measured.asking.parts.items():
        steps = sum(map(len, held_out.steps.values()))
        shown = sum(map(len, held_out.impressions.values()))
        facts[f"held-out pages ({part})"] = f"{len(held_out.pages)}, {steps} steps, {shown} clicked impressions"
    facts |= {f"impressions in filtered ClickNDCG ({part})": count for part, count in measured.kept.items()}
    facts["truth"] = measured.asking.truth.name
    rules = measured.asking.rules
    few = f"all: fewer than {MIN_RANDOM_IMPRESSIONS} randomly ordered ones have a counted click"
    facts["impressions read"] = "randomly ordered ones only" if rules.random_only else few
    facts["a click counts"] = f"from {rules.threshold_s:g} s" if rules.timed else "always: the log has no dwell times"
    facts["bundles"] = ", ".join(measured.bundles)
    return facts
