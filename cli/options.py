"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from service.settings import Settings

DEFAULT_CONFIG = Path("configs/serve.toml")
REDIS_URL = "ONWARD_REDIS_URL"  # keeps passwords out of the process list

Bundles = Annotated[Path, typer.Option("--bundles", help="Directory of published bundles.")]
BundleName = Annotated[str | None, typer.Option("--bundle", help="Name of a bundle; by default the current one.")]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis", envvar=REDIS_URL, help="Read tables from Redis, such as redis://host:6379/0."),
]
Config = Annotated[
    Path | None, typer.Option("--config", help=f"Settings; by default {DEFAULT_CONFIG} where it exists.")
]


def in_a_directory(path: Path | None) -> Path | None:
    """Return the path of a file that a long run will write. Raises BadParameter where its directory is missing."""
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is not a directory: create it first")
    return path


Json = Annotated[Path | None, typer.Option("--json", callback=in_a_directory, help="Write the figures as JSON.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting.")]


class Profile(StrEnum):
    """How much the build trains."""

    QUICK = "quick"
    FULL = "full"
    LABELS = "labels"


def utc(time: datetime | None) -> datetime | None:
    """Return a time without a time zone as UTC."""
    return time.replace(tzinfo=UTC) if time else None


def settings_of(config: Path | None, overrides: list[str] | None) -> Settings:
    """Return the settings of a command. Raises SettingsError."""
    from service.settings import read_settings

    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    return read_settings(config, overrides or ())
