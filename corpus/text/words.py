"""Word segmentation for all languages, by Unicode's rules and ICU's dictionaries; used by everything offline."""

from __future__ import annotations

import re
import unicodedata

from icu4py.breakers import WordBreaker

# Unicode treats `re.match`, `snake_case` and `1,000` as one word each; here they are split, so that parts can be found.
_JOINERS = str.maketrans(dict.fromkeys("._:;,·．＿：；，", " "))
# Equals ICU on ASCII without joiners, five times as fast: an apostrophe between letters or digits does not split.
_ASCII = re.compile(r"[a-z0-9]+(?:(?:(?<=[a-z])'(?=[a-z])|(?<=[0-9])'(?=[0-9]))[a-z0-9]+)*", re.IGNORECASE)
# The Tibetan syllable mark and invisible joiners are not breaks.
_BREAK = re.compile("[^\\s\\w\u0f0b\u200b-\u200d-]")
_ROOT = "en"  # the locale does not matter: all use the same rules and dictionaries


def words(text: str) -> list[str]:
    """Return the case-folded words of a text, in order: Hindi with vowel signs, Thai and Chinese by dictionary."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return [_folded(text[start:end]) for start, end in word_spans(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word in the original text, in characters; `words` returns them case-folded."""
    if text.isascii():
        return [match.span() for match in _ASCII.finditer(text)]
    storable = text.encode("utf-8", "replace").decode()  # ICU rejects lone surrogates: they become `?`
    spans, end = [], 0
    for segment in WordBreaker(storable.translate(_JOINERS), _ROOT):  # its own offsets are in UTF-16
        start, end = end, end + len(segment)
        if any(map(str.isalnum, segment)):
            spans.append((start, end))
    return spans


def is_letter(word: str) -> bool:
    """Return whether a word is one letter and no ideograph or syllable: by itself it means nothing in any language."""
    return len(word) == 1 and unicodedata.east_asian_width(word) not in "WF"


def runs(text: str) -> list[list[str]]:
    """Return the words of a text, split into runs at punctuation other than hyphens."""
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
    # NFKC decomposes the Thai and Lao letter AM, and the dictionaries do not have the resulting words.
    return folded.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")
