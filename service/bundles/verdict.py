"""What the gateway tells the check of a bundle, and what it hears back; light, since the check starts with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

#: `name`: `current` names no bundle; `files`: missing, extra, damaged, of another format; `load`: it cannot be opened;
#: `crash`: opening it ended the process that tried; `time`: that took too long; `warmup`: warm-up pages get no whole
#: answer; `scores`: answers differ too much; `changed`: files changed after they were checked; `failed`: we failed.
Reason = Literal["name", "files", "load", "crash", "time", "warmup", "scores", "changed", "failed"]


class Refused(RuntimeError):
    """A bundle that was not let in; the message says what was found and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


_NEVER = ("unknown_page", "empty")  # of an answer to a bundle's own page


class Shown(NamedTuple):
    """One page of an answer."""

    url: str
    score: float | None
    quality: float | None


class Sampled(BaseModel):
    """One answer: pages, best first, and what it lacked."""

    shown: list[Shown]
    degraded: list[str]

    def broken(self, *late: str) -> list[str]:
        """Return what the answer lacks because something is wrong; `late` are endings of flags that count as well."""
        return [flag for flag in self.degraded if flag in _NEVER or flag.endswith((":error", *late))]


Sample = dict[str, Sampled]  # by the URL that was asked for


class Order(BaseModel):
    """Which bundle to check, and how."""

    bundles: Path
    name: str
    urls: list[str]  # of the live bundle's warm-up, to compare the answers
    settings: dict[str, Any]
    seconds: float
    nice: int


class Verdict(BaseModel):
    """What the check found: the bundle's answers, or a reason and a message."""

    manifest: str = ""  # hash of the manifest that was checked
    own: Sample = {}  # answers to the bundle's own warm-up URLs
    compared: Sample = {}  # answers to the live bundle's
    reason: Reason | None = None
    message: str = ""
