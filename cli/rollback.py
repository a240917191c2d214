"""`onward rollback`: back to an older bundle."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Bundles


def rollback(
    bundles: Bundles,
    to: Annotated[str | None, typer.Option("--to", help="A bundle by name; the one before if left out.")] = None,
) -> None:
    """Make an older bundle the current one, once its files are found whole; running gateways follow."""
    from store.bundle import current_name, open_bundle, point_current, previous

    before = current_name(bundles)
    opened = open_bundle(bundles, to or previous(bundles))
    point_current(bundles, opened.name)
    typer.echo(f"{opened.name} is the current bundle; it was {before}")
