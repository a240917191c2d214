"""What a client and its calls may be given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Required, TypedDict

from onward_client.retry import Retry


class Fields(TypedDict, total=False):
    """The optional fields of a request, as the API documents them."""

    k: int
    title: str
    snippet: str
    language: str
    exclude: Sequence[str]
    history: Sequence[str]
    quality_weight: float
    budget_ms: float
    unit: str


class Request(Fields, total=False):
    """One request of a batch."""

    url1: Required[str]


class CallOptions(TypedDict, total=False):
    """How one call is made: seconds until its deadline, retries included, and the ID that logs show."""

    timeout: float
    request_id: str


class RecommendOptions(Fields, CallOptions, total=False):
    """The fields of a request, and how the call is made."""


class Options(TypedDict, total=False):
    """How a client calls.

    `bundles` answers in process, with `settings` as `onward serve --set` takes them and `config` as `--config`.
    `timeout` is the deadline of a call in seconds, retries included. `hedge_after`: seconds after which a second
    `recommend` is sent and the first answer wins; None sends none. `ca_file` is a PEM file of the authority that
    signed the gateway's certificate, by default those of the system.
    """

    bundles: str | Path | None
    api_key: str | None
    timeout: float
    retry: Retry
    hedge_after: float | None
    ca_file: str | Path | None
    config: str | Path | None
    settings: Sequence[str]
