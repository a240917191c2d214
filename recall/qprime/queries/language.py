"""Detects queries in another language than their page: by script, and by words if there are enough."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections import Counter, defaultdict

from corpus.text.language_tags import language_of
from corpus.text.page_text import language_shares

# The first code point of each block of letters of the languages below, and of the gaps between them.
_BLOCKS = [
    (0x0041, "Latin"), (0x0370, "Greek"), (0x0400, "Cyrillic"), (0x0530, "Armenian"), (0x0590, "Hebrew"),
    (0x0600, "Arabic"), (0x0780, ""), (0x08A0, "Arabic"), (0x0900, "Devanagari"), (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"), (0x0A80, "Gujarati"), (0x0B00, ""), (0x0B80, "Tamil"), (0x0C00, "Telugu"),
    (0x0C80, "Kannada"), (0x0D00, "Malayalam"), (0x0D80, "Sinhala"), (0x0E00, "Thai"), (0x0E80, "Lao"), (0x0F00, ""),
    (0x1000, "Myanmar"), (0x10A0, "Georgian"), (0x1100, "Hangul"), (0x1200, "Ethiopic"), (0x13A0, ""),
    (0x1780, "Khmer"), (0x1800, ""), (0x1E00, "Latin"), (0x1F00, "Greek"), (0x2000, ""), (0x3005, "Han"),
    (0x3041, "Kana"), (0x3100, ""), (0x3131, "Hangul"), (0x3190, ""), (0x31F0, "Kana"), (0x3200, ""),
    (0x3400, "Han"), (0xA000, ""), (0xAC00, "Hangul"), (0xD7B0, ""), (0xF900, "Han"), (0xFB00, ""),
    (0x20000, "Han"), (0x32000, ""),
]  # fmt: skip
_STARTS = [start for start, _ in _BLOCKS]

_WRITTEN_IN = {
    "Latin": "af bs ca cs cy da de en es et eu fi fr ga gl hr hu id is it lb lt lv ms mt nb nl nn no pl pt ro sk sl sq"
    " sv sw tl tr vi uz az sr ku",
    "Cyrillic": "ba be bg kk ky mk mn ru sr tg tt uk uz az",
    "Arabic": "ar fa ps ug ur ku pa",
    "Devanagari": "hi mr ne sa",
    "Bengali": "as bn",
    "Han": "ja ko zh",
    "Greek": "el", "Armenian": "hy", "Hebrew": "he yi", "Gurmukhi": "pa", "Gujarati": "gu", "Tamil": "ta",
    "Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Sinhala": "si", "Thai": "th", "Lao": "lo", "Myanmar": "my",
    "Georgian": "ka", "Hangul": "ko", "Ethiopic": "am", "Khmer": "km", "Kana": "ja",
}  # fmt: skip
_SCRIPTS = {
    language: frozenset(script for script, languages in _WRITTEN_IN.items() if language in languages.split())
    for language in " ".join(_WRITTEN_IN.values()).split()
}
# Related languages: a few words hardly distinguish them from each other, but do from all others.
_KIN = [
    frozenset(group.split())
    for group in (
        "es gl pt ca oc an ext", "da no nn sv fo", "nl af fy", "de lb", "en pcm", "id ms jv", "hr bs sr sl",
        "bg mk sr", "ru uk be", "cs sk", "it lij vec", "zh wuu yue",
    )
]  # fmt: skip

_WORDS, _LETTERS, _UNSPACED_LETTERS = 4, 18, 6  # minimum of a query whose language can be detected by its words
_SURE = 0.8  # share of the likeliest language, or of it and related ones ...
_RULED_OUT = 0.02  # ... while the share of the page's language is lower than this


def in_another_language(query: str, language: str) -> bool:
    """Whether a query is clearly in another language than its page's, a tag such as `en` or `en-GB`.

    It is if more than half of its letters are in a script that neither the page's language nor Latin names use, or if
    another language is detected with confidence in a query that is long enough and not mostly names and numbers
    (words with an initial capital or a digit). If the page's language is unknown, every query passes.
    """
    language = language_of(language)
    query = unicodedata.normalize("NFKC", query)
    scripts = Counter(map(_script, filter(str.isalpha, query)))
    letters = sum(scripts.values())
    expected = _SCRIPTS.get(language)
    if expected is None or not letters:
        return False
    if sum(count for script, count in scripts.items() if script and script not in {"Latin", *expected}) > letters / 2:
        return True
    return _enough(query, scripts) and _detected_as_another(query, language)


def _script(letter: str) -> str:
    """Return the script of a letter, '' if it is in none of the blocks."""
    place = bisect(_STARTS, ord(letter))
    return _BLOCKS[place - 1][1] if place else ""


def _enough(query: str, scripts: Counter[str]) -> bool:
    if scripts["Han"] + scripts["Kana"] >= _UNSPACED_LETTERS:
        return True
    words = query.split()
    plain = [word for word in words if word.isalpha() and not word[0].isupper()]
    return 2 * len(plain) >= len(words) >= _WORDS and sum(scripts.values()) >= _LETTERS


def _detected_as_another(query: str, language: str) -> bool:
    shares: defaultdict[str, float] = defaultdict(float)
    for code, share in language_shares(query).items():  # language codes as pages have them: one for all of Norwegian
        shares[language_of(code)] += share
    if shares.get(language, 1.0) >= _RULED_OUT:
        return False
    groups = [*_KIN, {max(shares, key=lambda other: shares[other])}]
    return any(sum(shares.get(other, 0.0) for other in group - {language}) >= _SURE for group in groups)
