"""Where rules come from: a file and Redis. A poll returns what has changed, or why it cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import orjson
from pydantic import ValidationError
from redis import RedisError
from redis.exceptions import RedisClusterException

from configs import plain_words
from service.rules.reading import RulesError, parse, read_file
from service.rules.rule import Rule
from store.redis.rules import KEY, Stored, StoredRules

#: What a poll found, by the name of its part: other parts are unchanged.
Found = Mapping[str, tuple[Rule, ...] | RulesError]

FILE, REDIS, TAKEDOWNS = "file", "redis", "takedowns"


class Source(Protocol):
    """A place that rules are read from again and again. Calls block."""

    name: str

    def poll(self) -> Found: ...


class RulesFile:
    """The rules of a TOML file.

    A changed file is taken once two polls find it the same: an editor may write it in parts, and the beginning of a
    file of rules is one too.
    """

    def __init__(self, path: Path, name: str = FILE) -> None:
        self.name, self._path = name, path
        self._taken: tuple[int, ...] | None = ()  # as no file is, not even a missing one
        self._seen: tuple[int, ...] | None = ()

    def read(self) -> tuple[Rule, ...]:
        """Return the rules as they are. Raises RulesError."""
        self._taken = self._seen = self._stamp()
        return read_file(self._path)

    def poll(self) -> Found:
        stamp, before = self._stamp(), self._seen
        self._seen = stamp
        if stamp == self._taken or stamp != before:
            return {}
        try:
            return {self.name: self.read()}
        except RulesError as error:
            return {self.name: error}

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


class RulesInRedis:
    """The document of rules in Redis, and the pages taken down: one that is wrong does not hold up the other."""

    name = REDIS

    def __init__(self, stored: StoredRules) -> None:
        self._stored = stored
        self._revision: int | None = None
        self._failed = False

    def poll(self) -> Found:
        try:
            revision = self._stored.revision()
            if revision == self._revision and not self._failed:
                return {}
            stored = self._stored.read()
        except (RedisError, RedisClusterException, ValueError) as error:
            self._failed = True
            return {REDIS: RulesError(f"Redis does not answer ({type(error).__name__}): the last rules stay in force")}
        self._failed = False
        if stored is None:
            if self._revision is None:
                return {REDIS: ()}
            self._failed = True  # until something is written again
            lost = f"Redis has lost its rules ({KEY}): the last ones stay; push them again with `onward rules push`"
            return {REDIS: RulesError(lost)}
        self._revision = stored.revision
        return {REDIS: _document(stored), TAKEDOWNS: _takedowns(stored)}


def _document(stored: Stored) -> tuple[Rule, ...] | RulesError:
    try:
        return parse(stored.document.decode(), f"Redis {KEY}")
    except UnicodeDecodeError:
        return RulesError(f"Redis {KEY} is not text in UTF-8: push the rules again")
    except RulesError as error:
        return error


def _takedowns(stored: Stored) -> tuple[Rule, ...]:
    """Return a block per page taken down, whoever wrote it; a URL that cannot be read blocks nothing."""
    rules = (_takedown(url, about) for url, about in sorted(stored.taken_down.items()))
    return tuple(rule for rule in rules if rule is not None)


def _takedown(url: str, about: bytes) -> Rule | None:
    try:
        told = orjson.loads(about)
    except orjson.JSONDecodeError:
        told = {}
    told = told if isinstance(told, dict) else {}
    texts = {name: str(told.get(name, ""))[:200] for name in ("author", "note")}
    try:
        return takedown(url, **texts)
    except RulesError:
        return None


def takedown(url: str, author: str = "", note: str = "") -> Rule:
    """Return the rule that takes a page down. Raises RulesError."""
    try:
        return Rule(action="block", url=url, author=author, note=note)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RulesError(f"{plain_words.place(first['loc'])}: {plain_words.problem(first)}") from None
