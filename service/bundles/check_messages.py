"""The order that the gateway sends to the check of a bundle, and the verdict it returns; few imports, to start fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

#: `name`: not the name of a bundle; `files`: missing, extra or damaged files, or another format; `load`: cannot be
#: opened; `crash`: opening it crashed the check; `time`: the check took too long; `warmup`: answers for warm-up pages
#: are degraded; `scores`: answers differ too much; `changed`: files changed after the check; `failed`: a bug or no
#: resources.
Reason = Literal["name", "files", "load", "crash", "time", "warmup", "scores", "changed", "failed"]


class Refused(RuntimeError):
    """A bundle was refused; the message says why and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


_BROKEN = ("unknown_page", "empty")  # reasons that answers for a bundle's own pages never have


class Shown(NamedTuple):
    """One page of an answer."""

    url: str
    score: float | None
    quality: float | None


class Sampled(BaseModel):
    """One answer: pages, best first, and the reasons for which it is degraded."""

    shown: list[Shown]
    degraded: list[str]

    def broken(self, *late: str) -> list[str]:
        """Return the reasons that mean a broken bundle; `late` are further endings of reasons that count."""
        return [flag for flag in self.degraded if flag in _BROKEN or flag.endswith((":error", *late))]


Sample = dict[str, Sampled]  # by requested URL


class Order(BaseModel):
    """Which bundle to check, and how."""

    bundles: Path
    name: str
    urls: list[str]  # the live bundle's warm-up URLs, to compare the answers
    settings: dict[str, Any]
    seconds: float
    nice: int


class Verdict(BaseModel):
    """The result: the bundle's answers, or a reason and a message."""

    manifest: str = ""  # hash of the manifest that was checked
    own: Sample = {}  # answers to the bundle's own warm-up URLs
    compared: Sample = {}  # answers to the live bundle's
    reason: Reason | None = None
    message: str = ""
