"""`onward simulate`: a web of known quality, with readers, to try ideas on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Option("--out", help="Directory for the input tables and the truth.")],
    pages: Annotated[int, typer.Option(min=1_000, help="How many pages.")] = 10_000,
    sessions: Annotated[int | None, typer.Option(min=1, help="How many sessions; two a page if left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
) -> None:
    """Write a simulated web: pages of known quality, readers, and clicks that some pages do not deserve."""
    from corpus.simulated_web.write import write

    summary = write(out, pages, 2 * pages if sessions is None else sessions, seed)
    typer.echo(
        f"{out}: {summary.pages:,} pages, {summary.clicks:,} clicks, {summary.impressions:,} impression rows,"
        f" {summary.labels:,} labels; for evaluation alone truth.parquet ({summary.truth:,} pairs) and web.parquet"
    )
