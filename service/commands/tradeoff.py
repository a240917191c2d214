"""`onward tradeoff`: what quality costs in clicks, and the λ to serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.held_out import (
    SATISFIED_S,
    Clicks,
    MostPages,
    SatisfiedS,
    Since,
    Until,
    open_log,
    over_pages,
)
from service.commands.options import BundleName, Bundles, Config, Overrides, settings_of
from service.commands.recommend import patient

if TYPE_CHECKING:
    from evaluation.tradeoff import Point


def tradeoff(
    bundles: Bundles,
    clicks: Clicks,
    impressions: Annotated[Path, typer.Option("--impressions", help="Held-out impressions.")],
    truth: Annotated[Path, typer.Option("--truth", help="Pairs with quality, or a simulated web's web.parquet.")],
    out: Annotated[Path, typer.Option("--out", help="The report: one HTML file.")],
    json: Annotated[Path | None, typer.Option("--json", help="Write the curve as JSON.")] = None,
    bound: Annotated[float, typer.Option(min=0, max=1, help="The share of clicks that quality may cost.")] = 0.005,
    since: Since = None,
    until: Until = None,
    most_pages: MostPages = None,
    satisfied_s: SatisfiedS = SATISFIED_S,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Sweep λ from clicks alone to quality alone, beside other blends, and choose by a stated rule."""
    import orjson

    from evaluation.answer_quality import AnswerQuality, ClickRules
    from evaluation.tradeoff import choose, sweep, too_few
    from evaluation.tradeoff_report import html
    from ranking.blend import Blend
    from store.bundle import open_bundle

    settings = settings_of(config, [*patient(), *(overrides or ())])
    opened = open_bundle(bundles, bundle)
    held_out, known = open_log(opened, clicks, impressions, since, until, most_pages, truth)
    assert known is not None  # noqa: S101 - --truth is required
    quality = AnswerQuality(known, ClickRules.of(held_out, satisfied_s))
    blend = Blend.load(opened.file("blend.json"))
    points = over_pages(
        "tradeoff",
        bundles,
        opened,
        settings,
        len(held_out.pages),
        lambda cascade, progress: sweep(cascade, blend, held_out, quality, progress),
    )
    chosen = choose(points, bound)
    facts = {"bundle": opened.name, "pages": len(held_out.pages), **quality.summary()}
    if warning := too_few(int(facts["kept_impressions"]), int(facts["judged_pages"])):
        facts["warning"] = warning
    out.write_text(html(f"Quality against clicks: {opened.name}", points, chosen, _rule(bound), facts))
    if json is not None:
        curve = {**facts, "bound": bound, "chosen": chosen.as_dict(), "points": [point.as_dict() for point in points]}
        json.write_bytes(orjson.dumps(curve, option=orjson.OPT_INDENT_2))
    _show(points, chosen, _rule(bound))
    if warning:
        typer.echo(f"warning: {warning}", err=True)


def _rule(bound: float) -> str:
    return (
        f"the most RecoDCG@5 among the λ of the linear blend that cost at most {bound:.1%} of quality-filtered"
        " ClickNDCG@5, and of expected CTR where it is known, against λ = 0"
    )


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
