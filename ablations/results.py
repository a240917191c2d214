"""Turns the measurements into tables, the choice of λ, and the trade-off curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ablations.answers import HIT_RATE, NDCG, Asking
from ablations.arms import BASELINE, QPRIME
from ablations.held_out_pages import CHOOSING, REPORTING
from ablations.judges import judge_table
from ablations.measure import MODELS, Measured
from ablations.plan import Plan
from ablations.sample import Sample
from ablations.tables import PAPER, Compared, Table, absolute, compared
from evaluation.answer_quality import CTR, FILTERED, RECO
from evaluation.metrics.bootstrap import difference
from evaluation.tradeoff import SERVED, Point, choose, point_name, points, rule

_TITLES = {
    2: "Quality teacher: CE and soft CE, change of RecoDCG@5 from ranking by the click teacher",
    3: "Student: distilled or fine-tuned directly, change of RecoDCG@5 by the quality head from the click-only student",
    5: "The whole cascade compared with the click-only baseline",
}
_ARMS = {BASELINE: "without Q'", QPRIME: "with Q'"}


@dataclass(slots=True)
class Results:
    """What the report shows."""

    tables: list[Table] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)  # arm -> λ
    rule: str = ""
    curve: list[Point] = field(default_factory=list)  # of the bundle with Q', over the reporting pages
    chosen: Point | None = None


def results(plan: Plan, measured: Measured) -> Results:
    """Return the requested tables."""
    found = Results()
    if 5 in plan.tables:
        _set_weights(plan, measured, found)
    for number in plan.tables:
        if number == 1:
            found.tables.append(judge_table(plan.golden))
        elif number in MODELS:
            found.tables.append(_of_models(measured, number))
        else:
            found.tables.append(_of_cascades(measured.sample, found.weights, found.rule))
    return found


def _of_models(measured: Measured, number: int) -> Table:
    arm, rows = MODELS[number], PAPER[number]
    control = {2: "click teacher", 3: "click-only student"}[number]
    columns = {"RecoDCG@5": RECO}
    sample = measured.sample
    notes = [
        "The candidates are the 30 that stage 1 of the baseline keeps for each held-out page; each model orders them,"
        f" and the first five count. Truth: {_asking(measured).truth.name}."
    ]
    if number == 3:
        notes.append("The click-only student is distilled from the click teacher only (click_share = 1).")
    rankings = {row: f"{arm}: {row}" for row in rows}
    first = absolute(sample, f"{control} (absolute)", f"{arm}: {control}", columns)
    return Table(
        number,
        _TITLES[number],
        [first, *compared(sample, number, rankings, f"{arm}: {control}", [Compared("RecoDCG@5", RECO)])],
        notes,
    )


def _of_cascades(sample: Sample, weights: dict[str, float], rule: str) -> Table:
    base, qprime = (f"{arm}/{REPORTING}: " for arm in (BASELINE, QPRIME))
    control = base + point_name(SERVED, 0)
    rows = {
        "quality-aware ranking": base + point_name(SERVED, weights[BASELINE]),
        "Q' recall": qprime + point_name(SERVED, 0),
        "both": qprime + point_name(SERVED, weights[QPRIME]),
    }
    simulated = not np.isnan(sample.interval(control, CTR).mean)
    metrics = {"RecoDCG@5": RECO, "filtered ClickNDCG@5": FILTERED, "NDCG@5": NDCG, "HR@5": HIT_RATE}
    columns = [Compared(column, metric) for column, metric in metrics.items()]
    if simulated:
        columns.insert(1, Compared("CTR %", CTR, partial(difference, relative=True)))
    known = {"RecoDCG@5": RECO, **({"expected CTR": CTR} if simulated else {}), **metrics}
    first = absolute(sample, "click-only baseline (absolute)", control, known)
    notes = [rule, _clicks_note(simulated)]
    if np.isnan(sample.interval(control, FILTERED).mean):
        notes.append("No held-out impression has a click of known quality, so ClickNDCG is missing.")
    return Table(5, _TITLES[5], [first, *compared(sample, 5, rows, control, columns)], notes)


def _clicks_note(simulated: bool) -> str:
    if simulated:
        return "CTR is the expected CTR of the simulated readers; its change is relative, as in the paper."
    paper = ", ".join(f"{name} {figures['CTR %']:+.2f} %" for name, figures in PAPER[5].items())
    return (
        "This log cannot give the CTR of answers that were never shown, so ClickNDCG@5, NDCG@5 and HR@5 on logged"
        f" behavior replace it. The paper's CTR: {paper}."
    )


def _set_weights(plan: Plan, measured: Measured, found: Results) -> None:
    """Set λ for each bundle, as given or by the rule, and compute the curve of the bundle with Q'."""
    sample, asking = measured.sample, _asking(measured)

    def curve(arm: str, part: str) -> list[Point]:
        def of(name: str) -> str:
            return f"{arm}/{part}: {name}"

        return points(
            lambda name, metric: sample.interval(of(name), metric),
            lambda name, control, metric: sample.against(of(name), of(control), metric),
            asking.swept,
        )

    found.weights, found.rule = _choice(plan, {arm: curve(arm, CHOOSING) for arm in _ARMS})
    found.curve = curve(QPRIME, REPORTING)
    if _lacks_data(found.curve):
        found.curve = []
    found.chosen = next((p for p in found.curve if p.strategy == SERVED and p.parameter == found.weights[QPRIME]), None)


def _choice(plan: Plan, curves: Mapping[str, Sequence[Point]]) -> tuple[dict[str, float], str]:
    """Return λ for each arm, and the sentence that explains the choice."""
    if plan.quality_weight is not None:
        given = plan.quality_weight
        return dict.fromkeys(_ARMS, given), f"λ = {given:g} was given; the figures are of all held-out pages."
    if any(_lacks_data(curve) for curve in curves.values()):
        own = plan.config.given_quality_weight
        return dict.fromkeys(_ARMS, own), (
            f"λ = {own:g} is the build's setting: choosing λ needs held-out impressions with a satisfied click of known"
            " quality, and answers of known quality."
        )
    chosen = {arm: choose(curve, plan.bound).parameter for arm, curve in curves.items()}
    return {arm: weight or plan.config.given_quality_weight for arm, weight in chosen.items()}, _rule(plan, chosen)


def _asking(measured: Measured) -> Asking:
    assert measured.asking is not None  # noqa: S101 - a table that needs it was measured
    return measured.asking


def _lacks_data(curve: Sequence[Point]) -> bool:
    return bool(np.isnan(curve[0].clicks.mean) or np.isnan(curve[0].reco_dcg.mean))


def _rule(plan: Plan, chosen: dict[str, float]) -> str:
    own = f"the build's setting λ = {plan.config.given_quality_weight:g}, since no other λ made a significant change,"
    each = ", ".join(f"{f'λ = {chosen[arm]:g}' if chosen[arm] else own} {words}" for arm, words in _ARMS.items())
    held_out = plan.config.labels.held_out_share
    trained = f"Labels of either half were {'not used' if held_out else 'used'} for training."
    return (
        f"{each}: {rule(plan.bound)}; chosen per bundle on one half of the held-out pages over all seeds, by what"
        f" a site can observe; the figures are of the other half. {trained}"
    )
