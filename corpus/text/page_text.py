"""Derives facts from a page's text: clean text, near-duplicate fingerprints, language, spam and adult flags."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

import numpy as np
import xxhash
from numpy.typing import NDArray

from corpus.text.words import words

#: A text with fewer words has no fingerprint: short texts are often similar by chance.
FEWEST_WORDS = 16
#: Lowest confidence at which a detected language is used.
SURE = 0.5

# Control characters, zero-width spaces, bidirectional overrides and lone surrogates; not tabs and line ends.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_LINK = re.compile(r"https?://|www\.|</?a\b", re.IGNORECASE)
_ADULT_LIST = """
porn porno pornos porns pornhub pornographic xvideos xnxx xhamster redtube youporn hentai camgirl camgirls camsex sexcam
sexcams livesex blowjob blowjobs cumshot cumshots creampie gangbang gangbangs milf milfs bukkake deepthroat handjob nsfw
sexchat sextreffen fickkontakte порно порнуха pornô
πορνό πορνο τσόντα τσόντεσ إباحية اباحية سكس פורנו पोर्न โป๊ 色情 色情电影 ポルノ エロ アダルトビデオ 포르노 야동
"""
_ADULT = frozenset(_ADULT_LIST.split())
_ADULT_WORDS = 2  # distinct ones in the snippet, if there are none in URL and title
_FEWEST_STUFFED, _STRETCH, _LONG_STRETCH = 12, 50, 200  # words
_AT_ONCE = 2048  # texts per batch: limits memory, does not change the result


def clean(text: str) -> str:
    """Return `text` on one line, without control characters and with white space collapsed."""
    return " ".join(_CONTROL.sub("", text).split())


def fingerprints(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return a 64-bit simhash of each text, whose near-duplicates differ in few bits; 0 for fewer than 16 words.

    Each bit is the majority of that bit in the hashes of the distinct pairs of neighbouring words.
    """
    vocabulary: dict[str, int] = {}
    result = np.zeros(len(texts), np.uint64)
    for start in range(0, len(texts), _AT_ONCE):
        part = [_word_hashes(words(text), vocabulary) for text in texts[start : start + _AT_ONCE]]
        result[start : start + len(part)] = _simhash(part)
    return result


def _word_hashes(text: list[str], vocabulary: dict[str, int]) -> NDArray[np.uint64]:
    for word in text:
        if word not in vocabulary:
            vocabulary[word] = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
    return np.array([vocabulary[word] for word in text], np.uint64)


def _simhash(texts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    long_enough = np.flatnonzero([len(text) >= FEWEST_WORDS for text in texts])
    result = np.zeros(len(texts), np.uint64)
    if len(long_enough) == 0:
        return result
    owner = np.repeat(long_enough, [len(texts[i]) - 1 for i in long_enough])
    pairs = _mixed(
        np.concatenate([texts[i][:-1] for i in long_enough]), np.concatenate([texts[i][1:] for i in long_enough])
    )
    order = np.lexsort((pairs, owner))  # a repeated pair counts once
    owner, pairs = owner[order], pairs[order]
    first = np.r_[True, (owner[1:] != owner[:-1]) | (pairs[1:] != pairs[:-1])]
    owner, pairs = owner[first], pairs[first]
    bits = np.unpackbits(pairs.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    ones = np.add.reduceat(bits, starts, axis=0, dtype=np.int32)
    total = np.diff(np.r_[starts, len(owner)])
    result[owner[starts]] = np.packbits(2 * ones > total[:, None], axis=1).view(">u8").ravel()
    return result


def _mixed(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = left * np.uint64(0x9E3779B97F4A7C15) ^ right  # depends on the order of the words
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return mixed ^ (mixed >> np.uint64(32))


def detect_languages(texts: Sequence[str]) -> list[str]:
    """Return each text's two-letter language code, '' if the text is too short or the language uncertain."""
    return [_detect(text) for text in texts]


def _detect(text: str) -> str:
    letters = "".join(filter(str.isalpha, text))
    if len(letters) < (12 if letters.isascii() else 6):
        return ""
    language, confidence = _identifier().classify(text[:2000])
    return str(language) if confidence >= SURE and len(language) == 2 else ""


def language_shares(text: str) -> dict[str, float]:
    """Return language code (two or three letters) -> probability of a text, for the languages that py3langid detects.

    The probabilities add up to 1; on short texts they are spread over many languages.
    """
    shares: dict[str, float] = {}
    for language, share in _identifier().rank(text[:2000]):
        shares[language] = shares.get(language, 0.0) + float(share)  # a language with two scripts is listed twice
    return shares


@cache
def _identifier() -> Any:
    # Imported on first use: most callers of this module detect no languages.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def is_spam(title: str, snippet: str) -> bool:
    """Return whether a page looks like search engine spam, by three rules on its visible text.

    Keyword stuffing: see `_stuffed`. Shouting: a title of 30 letters or more with 90 % capitals, or three exclamation
    marks in a row. Link farm: at least five links, and at least one per eight words.
    """
    text = f"{title} {snippet}"
    found = words(text)
    return _stuffed(found) or _shouts(title) or _is_link_farm(text, len(found))


def is_adult(url: str, title: str, snippet: str) -> bool:
    """Return whether a page offers sexual content: a listed word in URL or title, or two distinct ones in the snippet.

    The listed words rarely occur elsewhere; `sex` and parts of the body, which occur on educational and medical pages
    too, are not listed.
    """
    found = _ADULT.intersection(words(f"{unquote(url)} {title}"))
    return bool(found) or len(_ADULT.intersection(words(snippet))) >= _ADULT_WORDS


def _stuffed(text: list[str]) -> bool:
    """Return whether a text of at least 12 words (not counting numbers) is repetitive.

    True if fewer than a third of its words, or of its word trigrams (a repeated sentence), are distinct. Both are
    averaged over stretches of the text, since every long text repeats its words. Also true if one word makes up more
    than a third of at least 20 words, which no function word does in any language.
    """
    counted = [word for word in text if not word.isnumeric()]
    if len(counted) < _FEWEST_STUFFED:
        return False
    trigrams = list(zip(counted, counted[1:], counted[2:], strict=False))
    dominates = len(counted) >= 20 and 3 * max(Counter(counted).values()) > len(counted)
    return _repeats(counted, _STRETCH) or _repeats(trigrams, _LONG_STRETCH) or dominates


def _repeats(items: Sequence[Any], stretch: int) -> bool:
    distinct = sum(len(set(items[start : start + stretch])) for start in range(0, len(items), stretch))
    return 3 * distinct < len(items)


def _shouts(title: str) -> bool:
    letters = [letter for letter in title if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    marks = unicodedata.normalize("NFKC", title)  # `！` counts too
    return (len(letters) >= 30 and capitals >= 0.9 * len(letters)) or "!!!" in marks


def _is_link_farm(text: str, words: int) -> bool:
    links = len(_LINK.findall(text))
    return links >= 5 and links * 8 >= words
