"""`onward evaluate`: how well a bundle foresees what readers read next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import BundleName, Bundles, Config, Overrides, settings_of
from service.commands.recommend import patient

if TYPE_CHECKING:
    from evaluation.held_out import HeldOut
    from evaluation.metrics import NextPage
    from service.settings import Settings
    from store.bundle import Bundle


def evaluate(
    bundles: Bundles,
    clicks: Annotated[Path, typer.Option("--clicks", help="A clicks table that holds held-out sessions.")],
    impressions: Annotated[Path | None, typer.Option("--impressions", help="Held-out impressions, too.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Leave out sessions that began earlier; the end of the bundle's log.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Leave out rows from this time on.")] = None,
    most_pages: Annotated[int | None, typer.Option(min=1, help="Ask for this many pages, drawn at random.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Measure recall@30, HR@5 and NDCG@5 of every path, of stage 1 and of the whole cascade."""
    import orjson

    from evaluation.held_out import read_held_out
    from store.bundle import open_bundle
    from store.tables import LmdbTable

    settings = settings_of(config, [*patient(), *(overrides or ())])
    opened = open_bundle(bundles, bundle)
    pages = LmdbTable(opened.file("tables/pages.lmdb"))
    held_out = read_held_out(
        pages, clicks, impressions, _utc(since) or _end(opened), _utc(until), opened.fragment_hosts
    )
    pages.close()
    if most_pages is not None:
        held_out = held_out.sample(most_pages, opened.manifest.seed)
    if not held_out.pages:
        raise typer.BadParameter("no session began after the bundle's end: give later clicks, or --since")
    figures = asyncio.run(_measure(bundles, opened, settings, held_out))
    _show(opened, held_out, figures)
    if out is not None:
        out.write_bytes(orjson.dumps(_report(opened, held_out, figures), option=orjson.OPT_INDENT_2))


async def _measure(bundles: Path, bundle: Bundle, settings: Settings, held_out: HeldOut) -> dict[str, NextPage]:
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from evaluation.next_page import measure
    from ranking.blend import Blend
    from recall.popular.lookup import OVERALL
    from service.bootstrap import load
    from store.tables import LmdbTable

    popular_table = LmdbTable(bundle.file("tables/popular.lmdb"))
    popular = np.frombuffer(popular_table.read(np.array([OVERALL], np.uint64))[0] or b"", "<u8")
    popular_table.close()
    served = Blend.load(bundle.file("blend.json")).quality_weight
    gateway = load(bundles, settings, bundle=bundle.name)
    try:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("evaluate", total=len(held_out.pages))
            return await measure(
                gateway.recommender.cascade,
                held_out,
                list(dict.fromkeys((0.0, served))),
                popular,
                lambda done: bar.update(task, completed=done),
            )
    finally:
        await gateway.close()


def _end(bundle: Bundle) -> datetime | None:
    end = bundle.manifest.data["end"]
    return None if end is None else datetime.fromisoformat(end)


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _report(bundle: Bundle, held_out: HeldOut, figures: dict[str, NextPage]) -> dict[str, object]:
    return {
        "bundle": bundle.name,
        "pages": len(held_out.pages),
        "pairs": sum(map(len, held_out.steps.values())),
        "impressions": sum(map(len, held_out.impressions.values())),
        "rows": held_out.report.as_dict(),
        "rankings": {name: metrics.as_dict() for name, metrics in figures.items()},
    }


def _show(bundle: Bundle, held_out: HeldOut, figures: dict[str, NextPage]) -> None:
    from rich.console import Console
    from rich.table import Table

    pairs = sum(map(len, held_out.steps.values()))
    table = Table(title=f"{bundle.name}: {pairs:,} held-out steps from {len(held_out.pages):,} pages")
    for column in ("ranking", "recall@30", "HR@5", "NDCG@5", "ClickNDCG@5"):
        table.add_column(column, justify="left" if column == "ranking" else "right")
    for name, metrics in figures.items():
        values = metrics.as_dict().values()
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    Console().print(table)
