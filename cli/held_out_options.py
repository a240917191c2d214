"""Options of the commands that measure a bundle on a held-out log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

Clicks = Annotated[Path, typer.Option("--clicks", help="A clicks table with held-out sessions.")]
ClicksOrNone = Annotated[Path | None, typer.Option("--clicks", help="A clicks table with held-out sessions.")]
Impressions = Annotated[Path | None, typer.Option("--impressions", help="Held-out impressions.")]
Since = Annotated[
    datetime | None, typer.Option(help="Leave out sessions that began earlier; by default the end of the bundle's log.")
]
Until = Annotated[datetime | None, typer.Option(help="Leave out rows from this time on.")]
MostPages = Annotated[int | None, typer.Option(min=1, help="Evaluate on this many pages, sampled at random.")]
Targets = Annotated[
    Literal["next", "session"],
    typer.Option(help="What counts: the next page, or all other pages of the session (for sessions without an order)."),
]
SatisfiedS = Annotated[
    float, typer.Option("--satisfied-s", min=0, help="A click is satisfied after this many seconds.")
]
TruthFile = Annotated[
    Path | None,
    typer.Option("--truth", help="Pairs with quality 0 to 4 (url1, url2, quality), or a simulated web's web.parquet."),
]
SATISFIED_S = 30.0  # evaluation.metrics.clicks.SATISFIED_S; importing it would load numpy
