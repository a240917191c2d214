"""Every tunable of the gateway, with its default: code < TOML file < ONWARD_* variables < --set."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpus.url import FRAGMENT_HOSTS

PREFIX = "ONWARD_"
NESTED = "__"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the key and the nearest valid one."""


class Section(BaseModel):
    """A group of settings; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RecallSettings(Section):
    """One recall path: how many candidates it may bring, and how long it may take."""

    limit: int = Field(ge=0, le=1000)
    timeout_ms: float = Field(default=60.0, gt=0)


class RecallPaths(Section):
    """The recall paths by name; a limit of 0 turns one off."""

    coclick: RecallSettings = RecallSettings(limit=256)
    cf: RecallSettings = RecallSettings(limit=100)
    two_tower: RecallSettings = RecallSettings(limit=100)
    qprime: RecallSettings = RecallSettings(limit=30)
    popular: RecallSettings = RecallSettings(limit=100)


class StageSettings(Section):
    """One ranking stage: how many candidates it passes on, and how long it may take."""

    keep_top: int = Field(default=30, ge=1, le=1000)
    timeout_ms: float = Field(default=400.0, gt=0)


class SelectSettings(Section):
    """The last step: which of the ranked pages are shown."""

    max_per_host: int = Field(default=2, ge=1)
    min_quality: float = Field(default=0.0, ge=0, le=4)


class ThreadSettings(Section):
    """Threads for work that blocks; more of them than cores makes every request slower."""

    native: int = Field(default=2, ge=1, le=256)
    onnx: int = Field(default=2, ge=1, le=256)


class CacheSettings(Section):
    """The in-process cache of whole answers; `max_mb = 0` turns it off."""

    max_mb: float = Field(default=64.0, ge=0)
    ttl_s: float = Field(default=600.0, gt=0)
    stale_s: float = Field(default=3600.0, ge=0)


class RedisSettings(Section):
    """Limits on every call to Redis; nothing is retried."""

    socket_timeout_ms: float = Field(default=50.0, gt=0)
    connect_timeout_ms: float = Field(default=100.0, gt=0)
    max_connections: int = Field(default=256, ge=1)


class BlockSettings(Section):
    """Pages that are never recommended, by host or by URL."""

    hosts: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()


class ServerSettings(Section):
    """Limits at the edge, and how the gateway leaves."""

    max_body_kb: int = Field(default=256, ge=1)
    max_message_kb: int = Field(default=256, ge=1)
    batch_concurrency: int = Field(default=8, ge=1)
    drain_s: float = Field(default=1.0, ge=0)
    grace_s: int = Field(default=10, ge=1)


class Settings(Section):
    """The gateway's settings; `read_settings` builds them from every source."""

    budget_ms: float = Field(default=500.0, gt=0)
    max_budget_ms: float = Field(default=5000.0, gt=0)
    fragment_hosts: frozenset[str] = FRAGMENT_HOSTS
    recall: RecallPaths = RecallPaths()
    stage1: StageSettings = StageSettings(keep_top=30, timeout_ms=100)
    stage2: StageSettings = StageSettings(keep_top=30, timeout_ms=400)
    blend: StageSettings = StageSettings(keep_top=30, timeout_ms=50)
    select: SelectSettings = SelectSettings()
    threads: ThreadSettings = ThreadSettings()
    cache: CacheSettings = CacheSettings()
    redis: RedisSettings = RedisSettings()
    block: BlockSettings = BlockSettings()
    server: ServerSettings = ServerSettings()


def read_settings(
    config: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of a TOML file, ONWARD_* variables and `a.b=c` overrides, the last one winning.

    Raises SettingsError.
    """
    values = Settings().model_dump()
    known = list(keys(Settings))
    sources = (_leaves(_read_toml(config) if config else {}), _from_environment(environ, known), map(_split, overrides))
    for key, value in chain(*sources):
        _check_key(key, known)
        _put(values, key, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {key}: {first['msg']}") from None


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key that a settings model knows."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def _from_environment(environ: Mapping[str, str], known: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield our variables; one that is close to no key belongs to another program and is passed over."""
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX).lower().replace(NESTED, ".")
        if key in known or get_close_matches(key, known, n=1, cutoff=0.8):
            yield key, _value(text)


def _split(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set {text}: write it as key=value, such as --set budget_ms=200")
    return key.strip(), _value(value.strip())


def _value(text: str) -> Any:
    """Read a value as TOML would; what is no TOML value is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_key(key: str, known: Sequence[str]) -> None:
    if key in known:
        return
    if inside := [name for name in known if name.startswith(f"{key}.")]:
        raise SettingsError(f"setting {key} is a section: set {inside[0]} or another key in it")
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "configs/serve.toml lists every key"
    raise SettingsError(f"unknown setting {key}: {hint}")


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        values = values[section]
    values[last] = value


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
