"""`onward build`: from input tables to a published bundle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Bundles, Overrides, Profile, utc
from configs.threads import spin_briefly

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

TEMPLATE = "configs/build.toml"  # lists every default, so reading it by default would undo the profile


def build(
    bundles: Bundles,
    data: Annotated[Path, typer.Option("--data", help="Directory of pages, clicks, impressions, labels.")],
    step: Annotated[str | None, typer.Argument(help="Build one step and its inputs; publish nothing.")] = None,
    profile: Annotated[
        Profile, typer.Option(help="quick: minutes, to try it; full: to serve; labels: to score pairs.")
    ] = Profile.QUICK,
    until: Annotated[
        datetime | None, typer.Option(help="Leave out rows from this time on (UTC), to evaluate on them.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help=f"Settings; {TEMPLATE} is a template.")] = None,
    overrides: Overrides = None,
) -> None:
    """Build what has not been built from these inputs yet, and publish the bundle."""
    spin_briefly()  # before the next line loads OpenMP
    from pipeline.build import build as run
    from service.bundles.check_before_publish import opens

    bundle = run(data, bundles, config_of(config, profile, overrides), utc(until), [step] if step else [], opens)
    if bundle is not None:
        for note in bundle.manifest.notes:
            typer.echo(f"  {note}", err=True)
        typer.echo(f"{bundle.path} is current: {bundle.manifest.rows['pages']:,} pages")


def config_of(file: Path | None, profile: Profile, overrides: list[str] | None) -> BuildConfig:
    """Return the build's settings: defaults < profile < file < overrides. Raises SettingsError."""
    from pipeline.config import PROFILES

    return changed_config(PROFILES[profile], file, overrides)


def changed_config(base: Mapping[str, object], file: Path | None, overrides: list[str] | None) -> BuildConfig:
    """Return the build's settings: defaults < base < file < overrides. Raises SettingsError."""
    from configs.reading import from_override, from_toml, leaves, read
    from pipeline.config import BuildConfig

    chosen = from_toml(file) if file else ()
    return read(BuildConfig, chain(leaves(base), chosen, map(from_override, overrides or ())), TEMPLATE)
