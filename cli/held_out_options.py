"""Opens what the commands that measure need: a bundle, the held-out log, the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import typer

from cli.options import utc

if TYPE_CHECKING:
    from cascade.executor import Cascade
    from evaluation.held_out import HeldOut
    from evaluation.truth import Truth
    from service.settings import Settings
    from store.bundle import Bundle

T = TypeVar("T")

Clicks = Annotated[Path, typer.Option("--clicks", help="A clicks table that holds held-out sessions.")]
Impressions = Annotated[Path | None, typer.Option("--impressions", help="Held-out impressions, too.")]
Since = Annotated[
    datetime | None, typer.Option(help="Leave out sessions that began earlier; the end of the bundle's log.")
]
Until = Annotated[datetime | None, typer.Option(help="Leave out rows from this time on.")]
MostPages = Annotated[int | None, typer.Option(min=1, help="Ask for this many pages, drawn at random.")]
SatisfiedS = Annotated[float, typer.Option("--satisfied-s", min=0, help="Seconds that make a click satisfied.")]
TruthFile = Annotated[
    Path | None,
    typer.Option("--truth", help="Pairs with quality 0 to 4 (url1, url2, quality), or a simulated web's web.parquet."),
]
SATISFIED_S = 30.0  # evaluation.metrics.clicks.SATISFIED_S, which to import would load numpy


class Log(NamedTuple):
    """The held-out log, and the truth where it was asked for."""

    held_out: HeldOut
    truth: Truth | None


def open_log(
    bundle: Bundle,
    clicks: Path,
    impressions: Path | None,
    since: datetime | None,
    until: datetime | None,
    most_pages: int | None,
    truth: Path | None,
    held_out_share: float = 0.0,
) -> Log:
    """Read the held-out log against the bundle's pages, and the truth. Raises InputError, and BadParameter for none.

    With `held_out_share` the log is that of pages whose labels taught nothing.
    """
    from corpus.tables.sessions import Sessions
    from evaluation.held_out import read_held_out
    from evaluation.truth import open_truth
    from store.tables import LmdbTable

    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    try:
        from_time = utc(since) or _end(bundle)
        sessions = Sessions(**bundle.manifest.config.get("sessions", {}))
        held_out = read_held_out(pages, clicks, impressions, from_time, utc(until), bundle.url_rules, sessions)
        known = open_truth(truth, pages, bundle.url_rules) if truth else None
    finally:
        pages.close()
    held_out = held_out.untaught(held_out_share)
    if most_pages is not None:
        held_out = held_out.sample(most_pages, bundle.manifest.seed)
    if not held_out.pages:
        raise typer.BadParameter("no session began after the bundle's end: give later clicks, or --since")
    return Log(held_out, known)


def over_pages(
    title: str,
    bundles: Path,
    bundle: Bundle,
    settings: Settings,
    total: int,
    work: Callable[[Cascade, Callable[[int], None]], Awaitable[T]],
) -> T:
    """Run `work` over the bundle's cascade, with a progress bar that it tells how many pages are done."""
    from rich.console import Console
    from rich.progress import Progress

    from service.bootstrap import load

    async def run() -> T:
        gateway = load(bundles, settings, bundle=bundle.name)
        try:
            with Progress(console=Console(stderr=True)) as bar:
                task = bar.add_task(title, total=total)
                return await work(gateway.live.bundle.cascade, lambda done: bar.update(task, completed=done))
        finally:
            await gateway.close()

    return asyncio.run(run())


def _end(bundle: Bundle) -> datetime | None:
    end = bundle.manifest.data["end"]
    return None if end is None else datetime.fromisoformat(end)
