"""The address, secrets and limits of a remote search engine, from ONWARD_SEARCH_* variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from configs import plain_words
from configs.reading import SettingsError
from recall.qprime.config import RemoteName
from recall.qprime.engines import brave, tavily

PREFIX = "ONWARD_SEARCH_"

#: Defaults that differ by engine: your own cluster allows more calls than a service that charges per call.
_DEFAULTS: dict[RemoteName, dict[str, Any]] = {
    "opensearch": {"per_second": 50.0, "per_day": 1_000_000},
    "brave": {"url": brave.URL, "per_second": 1.0, "per_day": 1_000},
    "tavily": {"url": tavily.URL, "per_second": 1.0, "per_day": 1_000},
}


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL: write it like https://search.example:9200") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("not an http or https URL: write it like https://search.example:9200")
    if "@" in parts.netloc:  # HTTP libraries log URLs
        raise ValueError(f"contains a user name: set {PREFIX}USER and {PREFIX}PASSWORD instead")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment: remove it")
    return url.rstrip("/")


def _header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()  # a key read from a file ends with a line break
    if not (text.isascii() and text.isprintable()):
        raise ValueError("contains a character that is not allowed in an HTTP header: copy it again")
    return SecretStr(text)


def _split(fields: Any) -> Any:
    return [field.strip() for field in fields.split(",")] if isinstance(fields, str) else fields


_NOT_IDENTITY = {
    "key", "user", "password", "concurrency", "retries", "timeout_s", "per_second", "per_day", "freshness_days",
    "store",
}  # fmt: skip


class SearchEndpoint(BaseModel):
    """One remote engine and its limits; secrets are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_address)]
    key: Annotated[SecretStr, AfterValidator(_header)] = SecretStr("")
    user: str = Field(default="", pattern="^[^:]*$")
    password: SecretStr = SecretStr("")
    index: str = ""
    fields: Annotated[tuple[str, ...], BeforeValidator(_split)] = ("title^2", "text", "body")  # with boosts
    url_field: str = Field(default="url", min_length=1)  # of `_source`; or _id
    concurrency: int = Field(default=4, ge=1, le=256)  # concurrent calls
    retries: int = Field(default=4, ge=0, le=20)  # per call, with exponential backoff or the server's Retry-After
    timeout_s: float = Field(default=15.0, gt=0, le=3_600)  # per attempt
    per_second: float = Field(gt=0)  # calls, including retries
    per_day: int = Field(ge=0)  # calls per UTC day, including retries; 0: only stored answers
    freshness_days: float = Field(default=30.0, ge=0)  # how long a stored answer is used
    store: Path = Path(".onward/searches.sqlite")

    def identity(self) -> dict[str, Any]:
        """Return what its results depend on: all but secrets, limits, and where results are kept."""
        return self.model_dump(mode="json", exclude=_NOT_IDENTITY)


def read_search_endpoint(engine: RemoteName, environ: Mapping[str, str] = os.environ) -> SearchEndpoint:
    """Return the endpoint of an engine from the environment. Raises SettingsError."""
    given = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    given = {name: text for name, text in given.items() if text}  # an empty variable counts as not set
    _check(engine, given)
    try:
        return SearchEndpoint.model_validate({**_DEFAULTS[engine], **given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"{PREFIX}{str(first['loc'][0]).upper()}: {plain_words.problem(first)}") from None


def _check(engine: RemoteName, given: Mapping[str, str]) -> None:
    known = list(SearchEndpoint.model_fields)
    if unknown := given.keys() - set(known):
        name = min(unknown)
        close = get_close_matches(name, known, n=1, cutoff=0.5)
        names = ", ".join(f"{PREFIX}{each.upper()}" for each in known)
        hint = f"did you mean {PREFIX}{close[0].upper()}?" if close else f"the variables are {names}"
        raise SettingsError(f"unknown variable {PREFIX}{name.upper()}: {hint}")
    needed = {"url": "the cluster", "index": "the index to search"} if engine == "opensearch" else {"key": "its key"}
    for name, what in needed.items():
        if name not in given:
            raise SettingsError(f"{PREFIX}{name.upper()} is not set: the engine {engine} needs {what}")
    if ("user" in given) != ("password" in given):
        raise SettingsError(f"set both {PREFIX}USER and {PREFIX}PASSWORD, or neither")
    if "user" in given and "key" in given:
        raise SettingsError(f"{PREFIX}KEY and {PREFIX}USER are both set: choose one of them")
