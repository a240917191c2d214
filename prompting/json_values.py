"""Finds the JSON values in a text: in a code fence, between sentences, with commas too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_TRIES = 200  # brackets that are tried as the start of JSON
_OPENING = re.compile(r"[\[{]")
_DECODER = json.JSONDecoder(strict=False)  # accepts line breaks inside strings
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[\]}])')  # a comma before a bracket, outside strings


def json_values(text: str) -> Iterator[object]:
    """Yield the outermost JSON lists and objects in a text."""
    place = 0
    for _ in range(_TRIES):
        if not (opening := _OPENING.search(text, place)):
            return
        try:
            found = _decoded(text, opening.start()) or _decoded(_TRAILING.sub(r"\1", text[opening.start() :]), 0)
        except RecursionError:  # deeply nested brackets: each further attempt would take as long
            return
        if found is None:  # text in brackets, a truncated list, or a number with thousands of digits
            place = opening.end()
        else:
            value, text, place = found
            yield value


def plain_keys(entry: dict[str, object]) -> dict[str, object]:
    """Return an object with its keys in lower case, as prompts ask for them."""
    return {key.strip().casefold(): value for key, value in entry.items()}


def _decoded(text: str, place: int) -> tuple[object, str, int] | None:
    """Return the JSON value that starts at a position of a text, the text, and the value's end; None if invalid."""
    try:
        value, end = _DECODER.raw_decode(text, place)
    except ValueError:
        return None
    return value, text, end
