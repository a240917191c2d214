"""`onward tradeoff`: what quality costs in clicks, and which λ to serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.held_out_options import (
    SATISFIED_S,
    Clicks,
    MostPages,
    SatisfiedS,
    Since,
    Until,
)
from cli.many_pages import without_time_limits
from cli.options import BundleName, Bundles, Config, Overrides, in_a_directory, settings_of, utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade.executor import Cascade
    from evaluation.tradeoff import Point


def tradeoff(
    bundles: Bundles,
    clicks: Clicks,
    impressions: Annotated[Path, typer.Option("--impressions", help="Held-out impressions.")],
    truth: Annotated[Path, typer.Option("--truth", help="Pairs with quality, or a simulated web's web.parquet.")],
    out: Annotated[Path, typer.Option("--out", help="The report: one HTML file.")],
    json: Annotated[
        Path | None, typer.Option("--json", callback=in_a_directory, help="Write the curve as JSON.")
    ] = None,
    bound: Annotated[float, typer.Option(min=0, max=1, help="Largest share of clicks to give up for quality.")] = 0.005,
    since: Since = None,
    until: Until = None,
    most_pages: MostPages = None,
    satisfied_s: SatisfiedS = SATISFIED_S,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Sweep λ from clicks only to quality only, beside other blends, and choose one by a stated rule."""
    import orjson

    from cli.figures import in_sample
    from corpus.label_split import Role
    from evaluation.answer_quality import AnswerQuality, ClickRules
    from evaluation.held_out_log import learnt_until, open_log
    from evaluation.reports.tradeoff_report import html
    from evaluation.tradeoff import SERVED, choose, rule, sweep, too_few
    from evaluation.truth import observable
    from ranking.blend import Blend
    from service.offline import over_pages
    from store.bundle import open_bundle

    settings = settings_of(config, [*without_time_limits(), *(overrides or ())])
    opened = open_bundle(bundles, bundle)
    share = opened.held_out_share
    held_out, known = open_log(opened, clicks, impressions, utc(since), utc(until), most_pages, truth, share)
    assert known is not None  # noqa: S101 - --truth is required
    choosing, reporting = (held_out.of_role(role, share, opened.manifest.seed) for role in (Role.VALIDATION, Role.TEST))
    rules = ClickRules.of(choosing, satisfied_s)
    judged, measured = AnswerQuality(observable(known), rules), AnswerQuality(known, rules)
    blend = Blend.load(opened.file("blend.json"))

    async def swept(cascade: Cascade, progress: Callable[[int], None]) -> tuple[list[Point], list[Point]]:
        first = await sweep(cascade, blend, choosing, judged, progress)
        return first, await sweep(
            cascade, blend, reporting, measured, lambda done: progress(len(choosing.pages) + done)
        )

    candidates, points = over_pages("tradeoff", bundles, opened, settings, len(held_out.pages), swept)
    weight = choose(candidates, bound).parameter
    chosen = next(point for point in points if point.strategy == SERVED and point.parameter == weight)
    facts = {
        "bundle": opened.name,
        "pages": len(reporting.pages),
        **measured.summary(),
        "labels of these pages": "held out of training" if share else "may be in the training data: build with --until",
        **{f"{name}, of the pages that chose λ": value for name, value in judged.summary().items()},
    }
    if end := learnt_until(opened, utc(since)):
        facts["clicks of these pages"] = in_sample(end)
        typer.echo(in_sample(end), err=True)
    if warning := too_few(int(judged.summary()["kept_impressions"]), int(judged.summary()["judged_pages"])):
        facts["warning"] = warning
    conclusion = f"{rule(bound)}; chosen on {len(choosing.pages)} pages, measured on {len(reporting.pages)} others"
    if not weight:
        conclusion = f"no λ above 0 is {rule(bound).partition(': ')[2]}: more impressions may show one"
    out.write_text(html(f"Quality against clicks: {opened.name}", points, chosen, conclusion, facts))
    if json is not None:
        curve: dict[str, object] = {**facts, "bound": bound, "rule": conclusion, "chosen": chosen.as_dict()}
        curve |= {"points": [p.as_dict() for p in points], "choosing": [p.as_dict() for p in candidates]}
        json.write_bytes(orjson.dumps(curve, option=orjson.OPT_INDENT_2))
    _show(points, chosen, conclusion)
    if warning:
        typer.echo(f"warning: {warning}", err=True)


def _show(points: list[Point], chosen: Point, rule: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("blend", title=f"λ = {chosen.parameter:g}: {rule}")
    for column in ("λ or threshold", "RecoDCG@5", "filtered ClickNDCG@5", "expected CTR"):
        table.add_column(column, justify="right")
    for point in points:
        ctr = "-" if point.ctr.mean != point.ctr.mean else f"{point.ctr.mean:.4f}"
        figures = (f"{point.parameter:g}", f"{point.reco_dcg.mean:.2f}", f"{point.clicks.mean:.2f}", ctr)
        table.add_row(point.strategy, *figures, style="bold" if point is chosen else None)
    Console().print(table)
