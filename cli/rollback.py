"""`onward rollback`: returns to an older bundle."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Bundles


def rollback(
    bundles: Bundles,
    to: Annotated[str | None, typer.Option("--to", help="Name of a bundle; by default the previous one.")] = None,
) -> None:
    """Make an older bundle current once its files are verified; running gateways follow."""
    from store.bundle import current_name, open_bundle, point_current, previous

    before = current_name(bundles)
    opened = open_bundle(bundles, to or previous(bundles))
    point_current(bundles, opened.name)
    typer.echo(f"{opened.name} is the current bundle; it was {before}")
