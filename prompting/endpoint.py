"""Settings of an OpenAI-compatible endpoint, from ONWARD_LLM_* variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from configs import plain_words
from configs.reading import SettingsError

PREFIX = "ONWARD_LLM_"
OPENAI = "https://api.openai.com/v1"
_NOT_IDENTITY = {"key", "concurrency", "retries", "timeout_s", "max_tokens", "cache"}


class Endpoint(BaseModel):
    """One endpoint and its usage limits; the key is never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = Field(min_length=1)
    base_url: str = OPENAI
    key: SecretStr = SecretStr("")  # a local server may need none
    concurrency: int = Field(default=8, ge=1, le=1024)  # parallel calls
    retries: int = Field(default=6, ge=0)  # per call, with exponential backoff or after Retry-After
    timeout_s: float = Field(default=120.0, gt=0)  # per attempt
    max_tokens: int = Field(
        default=2_000_000, ge=0
    )  # spending limit per run for prompts and answers, excluding cached ones
    top_logprobs: int = Field(default=20, ge=5, le=20)  # alternatives per token; some servers allow fewer
    json_schema: bool = True  # whether calls carry the answer's JSON schema; dropped anyway where a model rejects it
    cache: Path = Path(".onward/answers.sqlite")

    def identity(self) -> dict[str, Any]:
        """Return what its answers depend on: all but the key, the limits, and where answers are kept."""
        return self.model_dump(mode="json", exclude=_NOT_IDENTITY)


def read_endpoint(environ: Mapping[str, str] = os.environ) -> Endpoint | None:
    """Return the endpoint configured by the environment, None if there is none. Raises SettingsError."""
    given = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    given = {name: text for name, text in given.items() if text}  # an empty variable counts as unset
    if not given.keys() & {"model", "base_url"}:
        return None
    if unknown := given.keys() - Endpoint.model_fields.keys():
        name = min(unknown)
        close = get_close_matches(name, Endpoint.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {PREFIX}{close[0].upper()}?" if close else f"valid variables are {_names()}"
        raise SettingsError(f"unknown variable {PREFIX}{name.upper()}: {hint}")
    if "model" not in given:
        raise SettingsError(f"{PREFIX}BASE_URL is set but {PREFIX}MODEL is not: set it to the model's name")
    if "base_url" not in given and "key" not in given:
        raise SettingsError(f"{PREFIX}MODEL is set without {PREFIX}KEY or {PREFIX}BASE_URL: set one of them")
    try:
        return Endpoint.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"{PREFIX}{str(first['loc'][0]).upper()}: {plain_words.problem(first)}") from None


def _names() -> str:
    return ", ".join(f"{PREFIX}{name.upper()}" for name in Endpoint.model_fields)
