"""Reads a file of rules: all of it or nothing, with every problem by rule, field and fix."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs import plain_words
from configs.text_file import read_text
from service.rules.rule import Rule

#: The most rules of a file, and the largest file.
MOST_RULES = 10_000
MOST_BYTES = 4_000_000

_SHOWN = 10  # problems


class RulesError(ValueError):
    """Rules that cannot be taken; the message names each problem and its fix."""


def read_file(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a TOML file. Raises RulesError."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise RulesError(f"{path} has {size:,} bytes; the most is {MOST_BYTES:,}: split hosts from pages")
        text = read_text(path)
    except OSError as error:
        raise RulesError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None
    except UnicodeDecodeError:
        raise RulesError(f"{path} is not text in UTF-8: save it as UTF-8") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> tuple[Rule, ...]:
    """Return the rules in a TOML text. Raises RulesError, whose message begins with `source`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{source} is not valid TOML: {error}") from None
    entries = document.pop("rule", [])
    if document or not isinstance(entries, list):
        unknown = next(iter(document), "rule")
        raise RulesError(f"{source}: {unknown} is not a list of rules: begin each rule with a line [[rule]]")
    if len(entries) > MOST_RULES:
        raise RulesError(f"{source} has {len(entries):,} rules; the most is {MOST_RULES:,}: use hosts or patterns")
    rules, problems = _read(entries)
    problems += _repeated(rules)
    if problems:
        more = [f"and {len(problems) - _SHOWN} more problems"] if len(problems) > _SHOWN else []
        raise RulesError(f"{source}: " + "; ".join([*problems[:_SHOWN], *more]))
    return tuple(rule for _, rule in rules)


def _read(entries: list[Any]) -> tuple[list[tuple[int, Rule]], list[str]]:
    rules, problems = [], []
    for number, entry in enumerate(entries, 1):
        try:
            rules.append((number, Rule.model_validate(entry)))
        except ValidationError as error:
            problems += [f"{_which(number, entry)}: {problem}" for problem in _problems(error)]
    return rules, problems


def _which(number: int, entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"rule {number} ({name[:100]})" if isinstance(name, str) and name else f"rule {number}"


def _problems(error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False, include_input=False):
        where, problem = plain_words.place(each["loc"]), plain_words.problem(each)
        if each["type"] == "extra_forbidden":
            close = get_close_matches(where, Rule.model_fields, n=1, cutoff=0.5)
            problem += f": did you mean {close[0]}?" if close else f": use one of {', '.join(Rule.model_fields)}"
        yield f"{where}: {problem}" if where else problem


def _repeated(rules: list[tuple[int, Rule]]) -> list[str]:
    seen: dict[str, int] = {}
    problems = []
    for number, rule in rules:
        if rule.name and rule.name in seen:
            problems.append(f"rule {number} ({rule.name}): name: rule {seen[rule.name]} has it too: choose another")
        seen.setdefault(rule.name, number)
    return problems
