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
REDIS_URL = "ONWARD_REDIS_URL"  # keeps a password out of the list of processes

Bundles = Annotated[Path, typer.Option("--bundles", help="Directory of published bundles.")]
BundleName = Annotated[str | None, typer.Option("--bundle", help="A bundle by name; the current one if left out.")]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis", envvar=REDIS_URL, help="Read tables from Redis, such as redis://host:6379/0."),
]
Config = Annotated[Path | None, typer.Option("--config", help=f"Settings; {DEFAULT_CONFIG} if it is there.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting.")]


class Profile(StrEnum):
    """How much the build trains."""

    QUICK = "quick"
    FULL = "full"
    LABELS = "labels"


def utc(time: datetime | None) -> datetime | None:
    """Return a time that was given without a zone, in UTC."""
    return time.replace(tzinfo=UTC) if time else None


def settings_of(config: Path | None, overrides: list[str] | None) -> Settings:
    """Return the settings that a command was given. Raises SettingsError."""
    from service.settings import read_settings

    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    return read_settings(config, overrides or ())
