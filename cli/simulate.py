"""`onward simulate`: a simulated web of known quality, with readers, for experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Option("--out", help="Directory for the input tables and the truth.")],
    pages: Annotated[int, typer.Option(min=1_000, help="Number of pages.")] = 10_000,
    sessions: Annotated[int | None, typer.Option(min=1, help="Number of sessions; by default two per page.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
) -> None:
    """Write a simulated web: pages of known quality, readers, and clicks that some pages attract undeservedly."""
    from corpus.simulated_web.write import write

    summary = write(out, pages, 2 * pages if sessions is None else sessions, seed)
    typer.echo(
        f"{out}: {summary.pages:,} pages, {summary.clicks:,} clicks, {summary.impressions:,} impression rows,"
        f" {summary.labels:,} labels; for evaluation only: truth.parquet ({summary.truth:,} pairs) and web.parquet"
    )
