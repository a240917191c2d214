"""Words of any language, cut by Unicode's rules and ICU's dictionaries: the one segmentation of all of Onward."""

from __future__ import annotations

import re
import unicodedata

from icu4py.breakers import WordBreaker

# Unicode joins `re.match`, `snake_case` and `1,000` into one word each; here their parts are words that can be found.
_JOINERS = str.maketrans(dict.fromkeys("._:;,·．＿：；，", " "))
# What ICU makes of ASCII without joiners, five times as fast: an apostrophe between letters, or digits, breaks nothing.
_ASCII = re.compile(r"[a-z0-9]+(?:(?:(?<=[a-z])'(?=[a-z])|(?<=[0-9])'(?=[0-9]))[a-z0-9]+)*", re.IGNORECASE)
# Tibetan's mark between syllables and invisible joints are no breaks.
_BREAK = re.compile("[^\\s\\w\u0f0b\u200b-\u200d-]")
_ROOT = "en"  # the rules and dictionaries of all languages: none of them is told apart by the locale


def words(text: str) -> list[str]:
    """Return the words of a text, case folded, in order: Hindi with its vowel signs, Thai and Chinese by dictionary."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return [_folded(text[start:end]) for start, end in word_spans(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end as it is written, in characters; `words` folds what lies there."""
    if text.isascii():
        return [match.span() for match in _ASCII.finditer(text)]
    storable = text.encode("utf-8", "replace").decode()  # a lone surrogate, which ICU refuses, becomes `?`
    spans, end = [], 0
    for segment in WordBreaker(storable.translate(_JOINERS), _ROOT):  # its own offsets are of UTF-16
        start, end = end, end + len(segment)
        if any(map(str.isalnum, segment)):
            spans.append((start, end))
    return spans


def runs(text: str) -> list[list[str]]:
    """Return the words of a text, broken wherever punctuation other than a hyphen breaks it."""
    found: list[list[str]] = [[]]
    last = 0
    for start, end in word_spans(text):
        if found[-1] and _BREAK.search(text, last, start):
            found.append([])
        found[-1].append(_folded(text[start:end]))
        last = end
    return found if found[-1] else found[:-1]


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    folded = unicodedata.normalize("NFKC", word).casefold().replace("’", "'")
    # NFKC takes the Thai and the Lao letter AM apart, and no dictionary has the words that are left.
    return folded.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")
