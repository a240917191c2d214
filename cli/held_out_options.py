"""Options of the commands that measure a bundle on a held-out log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

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
