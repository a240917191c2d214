"""Parses queries with their relevance from an answer; raises Unanswered if there is no list of queries."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from corpus.text.page_text import clean
from prompting.answer import Answer, Unanswered
from prompting.json_values import json_values, plain_keys

_READ = 20_000  # characters read of an answer; ten queries take a tenth of it
_NOT_AVAILABLE = "N/A among queries"
_DECLINES = re.compile(r"(?:^\W*|\bqueries\W+)n/a\W*$", re.IGNORECASE)
_SHARE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)")


class ScoredQuery(NamedTuple):
    """A query with its relevance to the page according to the model."""

    text: str
    relevance: float  # 0 to 1


def queries(answer: Answer) -> tuple[list[ScoredQuery], Counter[str]]:
    """Return the queries in the model's order, none if it says N/A, and the number of skipped entries by reason.

    JSON may be in a code fence or inside text. A relevance is normalized if it is unambiguous (`"0.8"`, `"80%"`);
    an entry without one is skipped, not guessed. Raises Unanswered if the answer has no list or no valid query.
    """
    answer.check()
    text = answer.text[:_READ]
    entries, faults = _entries(text), Counter[str]()
    found = [query for query in (_query(entry, faults) for entry in entries or ()) if query is not None]
    if _declines(text):
        if found:
            raise Unanswered("both queries and N/A in the answer", again=True)
        return [], Counter()
    if entries is None:
        raise Unanswered("no list of queries in the answer", again=True)
    if entries and not found and faults.keys() != {_NOT_AVAILABLE}:
        raise Unanswered("no usable query in the answer", again=True)
    return found, faults


def _entries(text: str) -> list[object] | None:
    """Return the entries of the last list, else all objects outside a list; None if there are none."""
    values = list(json_values(text))
    for value in reversed(values):
        if isinstance(value, dict) and isinstance(listed := plain_keys(value).get("queries"), list):
            value = listed
        if isinstance(value, list) and (not value or any(isinstance(entry, dict | str) for entry in value)):
            return value
    loose: list[object] = [value for value in values if isinstance(value, dict)]
    return loose or None


def _query(entry: object, faults: Counter[str]) -> ScoredQuery | None:
    """Return an entry as a query, or None with the reason counted."""
    entry = plain_keys(entry) if isinstance(entry, dict) else entry
    text = entry.get("query") if isinstance(entry, dict) else entry
    if not isinstance(text, str):
        faults["not a query"] += 1
    elif not (text := clean(text)):
        faults["empty query"] += 1
    elif _DECLINES.search(text):
        faults[_NOT_AVAILABLE] += 1
    elif not isinstance(entry, dict) or (given := entry.get("relevance")) is None:
        faults["no relevance"] += 1
    elif (relevance := _relevance(given)) is None:
        faults["relevance outside 0 to 1"] += 1
    else:
        return ScoredQuery(text, relevance)
    return None


def _relevance(given: object) -> float | None:
    """Return the relevance as a number from 0 to 1, None if it is not one."""
    if isinstance(given, str) and (written := _SHARE.fullmatch(given.strip())):
        given = float(written[1]) / (100 if written[2] else 1)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) if 0 <= given <= 1 else None


def _declines(text: str) -> bool:
    """Return whether the last line that contains a word says N/A."""
    lines = [line for line in text.splitlines() if any(map(str.isalnum, line))]
    return bool(lines) and _DECLINES.search(lines[-1]) is not None
