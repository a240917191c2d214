"""Reads settings: defaults < profile (build) < TOML file < environment (serving) < --set; unknown keys are errors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from configs import plain_words
from configs.text_file import read_text

NESTED = "__"

M = TypeVar("M", bound=BaseModel)
Setting = tuple[str, Any]


class SettingsError(ValueError):
    """An invalid setting; the message names the key and the closest valid one."""


def read(model: type[M], sources: Iterable[Setting], file: str) -> M:
    """Return the model's defaults overridden by `sources`; the last source wins.

    `file` is the shipped file that lists every key. Raises SettingsError.
    """
    values = model().model_dump()
    known = keys(model)
    for key, value in sources:
        _check_key(key, known, file)
        _put(values, key, value)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_message(error, model().model_dump())) from None


def _message(error: ValidationError, defaults: Mapping[str, Any]) -> str:
    """Return which setting is invalid, why, and an example of a valid value."""
    first = error.errors(include_url=False, include_input=False)[0]
    default: Any = defaults
    for part in first["loc"]:
        default = default.get(part) if isinstance(default, dict) else default
    known = default is not None and default != "" and not isinstance(default, dict)
    such_as = f", such as {plain_words.example(default)}" if known else ""
    return f"setting {plain_words.place(first['loc'])}: {plain_words.problem(first)}{such_as}"


def keys(model: type[BaseModel]) -> list[str]:
    """Return every dotted key of a settings model."""
    return [key for key, _ in leaves(model().model_dump())]


def from_toml(path: Path) -> Iterator[Setting]:
    """Yield the settings of a TOML file. Raises SettingsError."""
    try:
        values = tomllib.loads(read_text(path))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    yield from leaves(values)


def from_environment(environ: Mapping[str, str], prefix: str, known: Sequence[str]) -> Iterator[Setting]:
    """Yield settings from variables with `prefix`; one that resembles no key is not ours and is ignored.

    Raises SettingsError for one that is nearly a key.
    """
    for name, text in environ.items():
        if not name.startswith(prefix):
            continue
        key = name.removeprefix(prefix).lower().replace(NESTED, ".")
        if key in known:
            yield key, _value(text)
        elif close := get_close_matches(key, known, n=1, cutoff=0.8):
            right = prefix + close[0].upper().replace(".", NESTED)
            raise SettingsError(f"unknown setting {name}: did you mean {right}?")


def from_override(text: str) -> Setting:
    """Return the setting of a `--set key=value`. Raises SettingsError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set {text}: use key=value, such as --set budget_ms=200")
    return key.strip(), _value(value.strip())


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[Setting]:
    """Yield every (dotted key, value) of nested sections."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _value(text: str) -> Any:
    """Parse a value as TOML; anything that is not valid TOML is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_key(key: str, known: Sequence[str], file: str) -> None:
    if key in known:
        return
    if inside := [name for name in known if name.startswith(f"{key}.")]:
        raise SettingsError(f"setting {key} is a section: set {inside[0]} or another key in it")
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"{file} lists every key"
    raise SettingsError(f"unknown setting {key}: {hint}")


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        values = values[section]
    values[last] = value
