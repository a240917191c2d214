"""`onward bundles`: lists the published bundles."""

from __future__ import annotations

import typer

from cli.options import Bundles


def bundles(bundles: Bundles) -> None:
    """List the published bundles, oldest first; * marks the current one."""
    from store.bundle import current_name, published

    current = current_name(bundles)
    for name in published(bundles):
        megabytes = sum(path.stat().st_size for path in (bundles / name).rglob("*") if path.is_file()) / 1e6
        typer.echo(f"{'*' if name == current else ' '} {name}  {megabytes:,.0f} MB")
