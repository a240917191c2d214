"""`onward inspect`: what a bundle holds, what its tables know of one page, how it was built and how it serves.

Before there is a bundle: what a site's tables hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import BundleName, Overrides, Profile, settings_of

if TYPE_CHECKING:
    from store.bundle import Bundle


def inspect(
    bundles: Annotated[
        Path | None, typer.Option("--bundles", help="Directory of published bundles; --steps works without.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Show what input tables hold, before they are built.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Show this page's rows in every table.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write figures and loss curves as HTML.")] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Show the build graph; with --bundles, of that build.")
    ] = False,
    cascade: Annotated[bool, typer.Option("--cascade", help="Show how the bundle serves with these settings.")] = False,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print --steps or --cascade as a Mermaid drawing.")
    ] = False,
    profile: Annotated[
        Profile, typer.Option(help="Profile for --data, and for --steps when --bundles is not given.")
    ] = Profile.QUICK,
    bundle: BundleName = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Settings of the build for --data and --steps, of serving for --cascade."),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Show the manifest; with --url one page's rows, with --steps the build graph, with --cascade the request path.

    With --data show what a site's tables hold before they are built.
    """
    if (steps and cascade) or (mermaid and not (steps or cascade)):
        raise typer.BadParameter("give one of --steps and --cascade")
    if data is not None and (steps or cascade or url or report):
        raise typer.BadParameter("give --data without --steps, --cascade, --url and --report")
    opened = _opened(bundles, bundle, needed=not steps and data is None)
    if data is not None:
        from cli.inspect.data import show_data

        show_data(data, profile, config, overrides, opened)
    elif steps:
        from cli.inspect.steps import show_steps

        show_steps(opened, profile, config, overrides, mermaid)
    elif cascade and opened is not None:
        from cli.inspect.cascade import show_cascade

        show_cascade(opened, settings_of(config, overrides), mermaid)
    elif opened is not None:
        _show_bundle(opened, url, report)


def _opened(bundles: Path | None, name: str | None, needed: bool) -> Bundle | None:
    from store.bundle import open_bundle

    if bundles is None and needed:
        raise typer.BadParameter("name a directory of published bundles", param_hint="--bundles")
    return open_bundle(bundles, name) if bundles else None


def _show_bundle(bundle: Bundle, url: str | None, report: Path | None) -> None:
    from rich.console import Console

    from cli.inspect.manifest import manifest_table
    from cli.inspect.page_rows import show_page
    from evaluation.reports.build_report import html

    console = Console()
    if url is None and report is None:
        console.print(manifest_table(bundle))
    if url is not None:
        show_page(bundle, url, console)
    if report is not None:
        report.write_text(html(bundle.name, bundle.manifest.metrics))
        typer.echo(f"{report}: the report")
