"""The ablation's report: what it rests on, every table beside the paper's, the trade-off curve; one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow.parquet as pq

from evaluation.ablations.page import table_html
from evaluation.answer_quality import MIN_RANDOM_IMPRESSIONS
from evaluation.document import facts_table, opening
from evaluation.plot import Mark, plot
from evaluation.tradeoff_report import CLICKS, RECO, curves
from service.ablation.arms import BASELINE
from service.ablation.measure import Measured
from service.ablation.plan import Plan
from service.ablation.results import Results

_HOW = (
    "Figures are means over pages and seeds. Intervals are 95 % bootstrap: pages are resampled, each with its rows"
    " under all seeds; differences are paired by page and seed. The paper's figures are of Bing's traffic and models:"
    " signs can be compared with these, sizes hardly. “unclear”: the interval holds 0."
)
_BASELINE = (
    "Every arm of the cascade has the same two-headed cross-encoder, so the baseline's ranker, too, reads the quality"
    " head's score among its features; it answers with λ = 0 and was trained without Q'."
)


def html(found: Results, facts: Mapping[str, object]) -> str:
    """Return the page."""
    lines = [*opening("The paper's tables, measured again"), facts_table(facts), f"<p>{_HOW}</p>"]
    for table in found.tables:
        lines.append(table_html(table))
        if table.number == 5:
            lines.append(f"<p>{_BASELINE}</p>")
    if found.curve:
        mark = found.chosen
        marks = [Mark(mark.clicks.mean, mark.reco_dcg.mean, f"λ = {mark.parameter:g}")] if mark else []
        lines += [
            "<h2>Figure 3: quality against clicks, with Q', on the pages that report</h2>",
            plot(curves(found.curve), CLICKS, RECO, marks),
            "<p>Each point is one setting; point at it to read which.</p>",
        ]
    return "\n".join([*lines, "</html>"])


def facts_of(plan: Plan, measured: Measured, profile: str, overrides: Sequence[str]) -> dict[str, object]:
    """Return what the figures rest on."""
    first = plan.config.seed
    facts: dict[str, object] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": plan.data.name,
        "built from rows before": plan.until.isoformat() if plan.until else "all of them",
        "profile": profile,
        "settings": " ".join(overrides) or "as the profile has them",
        "seeds": ", ".join(str(first + seed) for seed in range(plan.seeds)),
    }
    if measured.asking is None:
        return facts
    root = plan.arms(0).work(BASELINE).root
    for name in ("pages", "clicks", "impressions", "labels"):
        facts[f"{name} learnt from"] = pq.read_metadata(root / "read" / f"{name}.parquet").num_rows
    for part, held_out in measured.asking.parts.items():
        steps = sum(map(len, held_out.steps.values()))
        shown = sum(map(len, held_out.impressions.values()))
        facts[f"held-out pages ({part})"] = f"{len(held_out.pages)}, {steps} steps, {shown} clicked impressions"
    facts |= {f"impressions in filtered ClickNDCG ({part})": count for part, count in measured.kept.items()}
    facts["truth"] = measured.asking.truth.name
    rules = measured.asking.rules
    few = f"all: fewer than {MIN_RANDOM_IMPRESSIONS} with a counted click are in random order"
    facts["impressions read"] = "in random order alone" if rules.random_only else few
    facts["a click counts"] = f"from {rules.threshold_s:g} s on" if rules.timed else "always: the log has no times"
    facts["bundles"] = ", ".join(measured.bundles)
    return facts
