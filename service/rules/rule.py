"""One rule of the operator: which pages, what happens to them, on which readers' pages, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, Self

import orjson
import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from cascade.executor import FULL_LIST
from corpus.text.language_tags import LanguageTagError, language_of
from corpus.urls.host_pattern import host_pattern
from corpus.urls.path_pattern import PagePattern, page_pattern, path_pattern
from corpus.urls.url import InvalidURL, canonical

Action = Literal["block", "pin", "boost", "bury"]
ACTIONS: tuple[Action, ...] = ("block", "pin", "boost", "bury")
TARGETS = ("url", "host", "pattern", "language")

_READ: dict[str, Callable[[str], object]] = {
    "url": canonical,
    "host": host_pattern,
    "pattern": path_pattern,
    "language": language_of,
    "on": page_pattern,
}
_WHAT_COUNTS = {"action", *TARGETS, "on", "position", "by", "start", "end"}  # the rest is for people


class Rule(BaseModel):
    """A rule. Exactly one of url, host, pattern and language names the pages; times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ignored_types=(cached_property,))

    action: Action
    url: str = Field(default="", max_length=4096)
    host: str = Field(default="", max_length=300)
    pattern: str = Field(default="", max_length=4096)
    language: str = Field(default="", max_length=35)
    on: str = Field(default="", max_length=4096, description="readers' pages, as host or pattern; empty: all")
    position: int | None = Field(default=None, ge=1, le=FULL_LIST, description="of a pin; 1 is the first place")
    by: float | None = Field(default=None, gt=0, le=10, description="boost, bury: standard deviations of the score")
    start: datetime | None = None
    end: datetime | None = None
    name: str = Field(default="", max_length=100)
    author: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=1000)

    @field_validator(*_READ)
    @classmethod
    def _readable(cls, entry: str, field: ValidationInfo) -> str:
        if not entry:
            return entry
        try:
            _READ[field.field_name or ""](entry)
        except LanguageTagError:
            raise _error(f"{entry!r} is not a language tag: use one such as en or pt-BR") from None
        except InvalidURL as error:
            raise _error(str(error) if repr(entry) in str(error) else f"{entry[:200]!r}: {error}") from None
        return entry

    @field_validator("start", "end")
    @classmethod
    def _with_zone(cls, time: datetime | None) -> datetime | None:
        return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in TARGETS if getattr(self, name)]
        if len(given) != 1:
            found = f"has {' and '.join(given)}" if given else "names no pages"
            raise _error(f"{found}: give exactly one of {', '.join(TARGETS)}")
        self._check_numbers()
        if self.start and self.end and self.end <= self.start:
            raise _error("end is not after start: give a later end, or leave one out")
        return self

    def _check_numbers(self) -> None:
        pins, shifts = self.action == "pin", self.action in ("boost", "bury")
        if pins and not self.url:
            raise _error("a pin needs url: only one page has a place")
        for name, value, needed in (("position", self.position, pins), ("by", self.by, shifts)):
            if needed and value is None:
                raise _error(f"{name} is missing: a {self.action} needs it, such as {name} = 1")
            if not needed and value is not None:
                raise _error(f"{name} has no meaning for a {self.action}: leave it out")

    @cached_property
    def fingerprint(self) -> int:
        """A 64-bit hash of what the rule does."""
        effect = self.model_dump(mode="json", include=_WHAT_COUNTS)
        return xxhash.xxh3_64_intdigest(orjson.dumps(effect, option=orjson.OPT_SORT_KEYS))

    @cached_property
    def label(self) -> str:
        """The rule's name, or one made from its action and a hash."""
        return self.name or f"{self.action}-{self.fingerprint:016x}"[:14]

    @cached_property
    def readers(self) -> PagePattern | None:
        """The readers' pages on which the rule is in force; None: all."""
        return page_pattern(self.on) if self.on else None

    @cached_property
    def since(self) -> float:
        """When the rule begins, in seconds since 1970."""
        return self.start.timestamp() if self.start else -math.inf

    @cached_property
    def until(self) -> float:
        """When the rule ends, in seconds since 1970."""
        return self.end.timestamp() if self.end else math.inf

    def holds(self, url1: str, now: float) -> bool:
        """Return whether the rule is in force on a reader's page, at a time in seconds since 1970."""
        return self.since <= now < self.until and (self.readers is None or self.readers.matches(url1))


def _error(problem: str) -> PydanticCustomError:
    return PydanticCustomError("unreadable", "{problem}", {"problem": problem})
