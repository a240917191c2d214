"""Words of any language: one tokenisation for the query writer and the embedded search engine."""

from __future__ import annotations

import re
import unicodedata

# Chinese and Japanese are written without spaces: there, each character is a word of its own.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*"
_WORDS = re.compile(_WORD)
_RUNS = re.compile(rf"({_WORD})|[^\s\w-]+")


def words(text: str) -> list[str]:
    """Return the words of a text, case folded, in order."""
    return _WORDS.findall(_folded(text))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end as it is written, in characters; `words` folds what lies there."""
    return [match.span() for match in _WORDS.finditer(text)]


def runs(text: str) -> list[list[str]]:
    """Return the words of a text, broken wherever punctuation other than a hyphen breaks it."""
    found: list[list[str]] = [[]]
    for word in _RUNS.findall(_folded(text)):
        if word:
            found[-1].append(word)
        elif found[-1]:
            found.append([])
    return found if found[-1] else found[:-1]


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
