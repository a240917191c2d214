"""Makes the tables, the choice of λ and the trade-off curve from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from evaluation.ablations.answers import HIT_RATE, NDCG, Asking
from evaluation.ablations.sample import Sample
from evaluation.ablations.tables import PAPER, Compared, Table, absolute, compared
from evaluation.answer_quality import CTR, FILTERED, RECO
from evaluation.bootstrap import difference
from evaluation.tradeoff import SERVED, Point, choose, point_name, points, rule
from service.ablation.arms import BASELINE, QPRIME
from service.ablation.asking import CHOOSING, REPORTING
from service.ablation.judges import judge_table
from service.ablation.measure import MODELS, Measured
from service.ablation.plan import Plan

_TITLES = {
    2: "Quality teacher: CE against soft CE, RecoDCG@5 against ranking by the click teacher",
    3: "Student: distilled or fine-tuned directly, RecoDCG@5 by the quality head against the click-only student",
    5: "The whole cascade against the click-only baseline",
}
_ARMS = {BASELINE: "without Q'", QPRIME: "with Q'"}


@dataclass(slots=True)
class Results:
    """What the report shows."""

    tables: list[Table] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)  # arm -> λ
    rule: str = ""
    curve: list[Point] = field(default_factory=list)  # of the bundle with Q', over the pages that report
    chosen: Point | None = None


def results(plan: Plan, measured: Measured) -> Results:
    """Return every table that was asked for."""
    found = Results()
    if 5 in plan.tables:
        _weigh(plan, measured, found)
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
        "The candidates are the 30 that stage 1 of the baseline lets through, of every held-out page that was asked"
        f" for; each model orders them, and the first five count. Truth: {_asking(measured).truth.name}."
    ]
    if number == 3:
        notes.append("The click-only student is distilled from the click teacher alone (click_share = 1).")
    rankings = {row: f"{arm}: {row}" for row in rows}
    first = absolute(sample, f"{control} (as it stands)", f"{arm}: {control}", columns)
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
    first = absolute(sample, "click-only baseline (as it stands)", control, known)
    notes = [rule, _clicks_note(simulated)]
    if np.isnan(sample.interval(control, FILTERED).mean):
        notes.append("No held-out impression has a click of known quality, so there is no ClickNDCG.")
    return Table(5, _TITLES[5], [first, *compared(sample, 5, rows, control, columns)], notes)


def _clicks_note(simulated: bool) -> str:
    if simulated:
        return "CTR is the simulated readers' expected one, and its change relative, as the paper's."
    paper = ", ".join(f"{name} {figures['CTR %']:+.2f} %" for name, figures in PAPER[5].items())
    return (
        "This log cannot tell the CTR of answers that it never showed: ClickNDCG@5, NDCG@5 and HR@5 on what readers"
        f" did stand in its place. The paper's CTR: {paper}."
    )


def _weigh(plan: Plan, measured: Measured, found: Results) -> None:
    """Take or choose λ for each bundle, and draw the curve of the one with Q'."""
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
    if _blind(found.curve):
        found.curve = []
    found.chosen = next((p for p in found.curve if p.strategy == SERVED and p.parameter == found.weights[QPRIME]), None)


def _choice(plan: Plan, curves: Mapping[str, Sequence[Point]]) -> tuple[dict[str, float], str]:
    """Return λ for each arm, and the words that say why."""
    if plan.quality_weight is not None:
        given = plan.quality_weight
        return dict.fromkeys(_ARMS, given), f"λ = {given:g} was given; every held-out page reports."
    if any(_blind(curve) for curve in curves.values()):
        own = plan.config.quality_weight
        return dict.fromkeys(_ARMS, own), (
            f"λ = {own:g} is the build's own: without held-out impressions that have a satisfied click of known"
            " quality, and answers of known quality, there is nothing to choose it by."
        )
    chosen = {arm: choose(curve, plan.bound).parameter for arm, curve in curves.items()}
    return {arm: weight or plan.config.quality_weight for arm, weight in chosen.items()}, _rule(plan, chosen)


def _asking(measured: Measured) -> Asking:
    assert measured.asking is not None  # noqa: S101 - a table that needs it was measured
    return measured.asking


def _blind(curve: Sequence[Point]) -> bool:
    return bool(np.isnan(curve[0].clicks.mean) or np.isnan(curve[0].reco_dcg.mean))


def _rule(plan: Plan, chosen: dict[str, float]) -> str:
    own = f"the build's own λ = {plan.config.quality_weight:g}, since no λ's change cleared its interval,"
    each = ", ".join(f"{f'λ = {chosen[arm]:g}' if chosen[arm] else own} {words}" for arm, words in _ARMS.items())
    taught = "No label of either half taught anything." if plan.config.labels.held_out_share else "Their labels taught."
    return (
        f"{each}: {rule(plan.bound)}; chosen for each bundle on one half of the held-out pages over all seeds, by what"
        f" a site can observe; the figures are of the other half. {taught}"
    )
