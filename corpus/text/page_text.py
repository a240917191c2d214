"""What the words of a page say: clean text, near-duplicate fingerprints, language, spam."""

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

#: A text of fewer words has no fingerprint: two short captions are alike by chance.
FEWEST_WORDS = 16
#: Below this confidence the language is left unknown.
SURE = 0.5

# Control characters, zero-width spaces, bidirectional overrides and lone surrogates; tab and line ends are spaces.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_LINK = re.compile(r"https?://|www\.|</?a\b", re.IGNORECASE)
_ADULT_LIST = """
porn porno pornos porns pornhub pornographic xvideos xnxx xhamster redtube youporn hentai camgirl camgirls camsex sexcam
sexcams livesex blowjob blowjobs cumshot cumshots creampie gangbang gangbangs milf milfs bukkake deepthroat handjob nsfw
sexchat sextreffen fickkontakte порно порнуха pornô
"""
_ADULT = frozenset(_ADULT_LIST.split())
_ADULT_WORDS = 2  # different ones, in a text that names none in its title
_FEWEST_STUFFED, _STRETCH, _LONG_STRETCH = 12, 50, 200  # words
_AT_ONCE = 2048  # texts whose bits are counted together: bounds memory, not the result


def clean(text: str) -> str:
    """Return `text` on one line: control characters dropped, runs of white space made one space."""
    return " ".join(_CONTROL.sub("", text).split())


def fingerprints(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return a 64-bit simhash of each text: near-duplicates differ in few bits; 0 for fewer than 16 words.

    Each bit is the majority, over the distinct pairs of neighbouring words, of that bit of the pair's hash.
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
    order = np.lexsort((pairs, owner))  # a pair that is repeated counts once
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
    mixed = left * np.uint64(0x9E3779B97F4A7C15) ^ right  # so that `a b` is not `b a`
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return mixed ^ (mixed >> np.uint64(32))


def detect_languages(texts: Sequence[str]) -> list[str]:
    """Return each text's language in two letters, '' when it is too short or the guess is unsure."""
    return [_detect(text) for text in texts]


def _detect(text: str) -> str:
    letters = "".join(filter(str.isalpha, text))
    if len(letters) < (12 if letters.isascii() else 6):
        return ""
    language, confidence = _identifier().classify(text[:2000])
    return str(language) if confidence >= SURE and len(language) == 2 else ""


def language_shares(text: str) -> dict[str, float]:
    """Return how likely a text is in each language that can be told, in two or three letters, by py3langid.

    The shares add up to 1. On short texts they are spread wide; a language that is not listed cannot be told.
    """
    shares: dict[str, float] = {}
    for language, share in _identifier().rank(text[:2000]):
        shares[language] = shares.get(language, 0.0) + float(share)  # a language in two scripts is listed twice
    return shares


@cache
def _identifier() -> Any:
    # Loaded at the first use: most who clean a text tell no language.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def is_spam(title: str, snippet: str) -> bool:
    """Return whether a page looks made for search engines. Three rules, each on what a reader sees.

    Keyword stuffing, see `_stuffed`. Shouting: of 30 letters or more in the title, 90 % are capitals, or three
    exclamation marks run together. Link farm: five links or more, one for every eight words.
    """
    text = f"{title} {snippet}"
    found = words(text)
    return _stuffed(found) or _shouts(title) or _farms_links(text, len(found))


def is_adult(url: str, title: str, snippet: str) -> bool:
    """Return whether a page offers sexual content: by a word of URL or title, or by two different ones of its text.

    The words hardly stand anywhere else; `sex` and the parts of the body are on pages of schools and doctors too.
    """
    named = _ADULT.intersection(words(f"{unquote(url)} {title}"))
    return bool(named) or len(_ADULT.intersection(words(snippet))) >= _ADULT_WORDS


def _stuffed(text: list[str]) -> bool:
    """Return whether a text of 12 words or more says the same again and again; figures are no words.

    That is so where fewer than a third of its words are distinct, or fewer than a third of its runs of three words: a
    sentence, over and over. Both are told of stretches of a text, and the mean counts: every long text comes back to
    its words. Or, of 20 words or more, one makes up over a third: in no language does a `the` come near that.
    """
    said = [word for word in text if not word.isnumeric()]
    if len(said) < _FEWEST_STUFFED:
        return False
    runs = list(zip(said, said[1:], said[2:], strict=False))
    most = max(Counter(said).values())
    return _repeats(said, _STRETCH) or _repeats(runs, _LONG_STRETCH) or (len(said) >= 20 and 3 * most > len(said))


def _repeats(said: Sequence[Any], stretch: int) -> bool:
    distinct = sum(len(set(said[start : start + stretch])) for start in range(0, len(said), stretch))
    return 3 * distinct < len(said)


def _shouts(title: str) -> bool:
    letters = [letter for letter in title if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    marks = unicodedata.normalize("NFKC", title)  # `！` is one as well
    return (len(letters) >= 30 and capitals >= 0.9 * len(letters)) or "!!!" in marks


def _farms_links(text: str, words: int) -> bool:
    links = len(_LINK.findall(text))
    return links >= 5 and links * 8 >= words
