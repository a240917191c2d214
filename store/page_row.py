"""One row of the `pages` table: fixed-size facts, then token ids, then text.

A request reads a few hundred rows, needs the facts of all, the tokens of thirty and the text of
five; this layout lets each be read on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from corpus.text.language_tags import LanguageTagError, language_of

#: Facts of a page. Counts cover the log up to the bundle's date; 1, 7 and 28 are windows in days.
FACTS = np.dtype(
    [
        ("page", "<u8"),  # PageId
        ("host", "<u8"),  # corpus.urls.url.host_id
        ("address", "<u8"),  # corpus.urls.url.address_key: equal for spellings of one address
        ("copy", "<u8"),  # corpus.urls.copies.copy_key: equal for views of one page; 0: none
        ("fingerprint", "<u8"),  # simhash of the text, 0 if there is none; near-duplicates differ in few bits
        ("language", "<u2"),  # language_code, 0 if unknown
        ("spam", "u1"),  # 1 if an offline spam rule matched
        ("adult", "u1"),  # 1 if the page offers sexual content
        ("clicks_1", "<u4"),
        ("clicks_7", "<u4"),
        ("clicks_28", "<u4"),
        ("clicks_all", "<u4"),
        ("left", "<u4"),  # times a reader went from this page to another
        ("entered", "<u4"),  # times a reader came to this page from another
        ("sources", "<u4"),  # distinct pages from which readers came: many for a hub
        ("shown_on", "<u4"),  # recommendations shown on this page
        ("shown", "<u4"),  # times this page was shown as a recommendation
        ("chosen", "<u4"),  # times it was clicked when shown
        ("shown_beside", "<u4"),  # distinct pages on which it was shown
        ("depth", "<u4"),  # segments of the path: few for a hub
        ("published", "<u4"),  # hours since 1970; 0 if unknown
        ("title_tokens", "<u2"),
        ("tokens", "<u2"),  # all tokens: the title's, then the snippet's
    ]
)

#: Facts that count reader activity.
COUNTS = frozenset(
    (
        "clicks_1", "clicks_7", "clicks_28", "clicks_all", "left", "entered", "sources", "shown_on", "shown", "chosen",
        "shown_beside",
    )
)  # fmt: skip
_NEAR_DUPLICATE_BITS = 3  # maximum Hamming distance between fingerprints of near-duplicates
_U2 = Struct("<H")
_OFFSETS: Mapping[str, Any] = FACTS.fields or {}
_BEFORE_A = ord("a") - 1
_TITLE_AT, _TOKENS_AT = (_OFFSETS[name][1] for name in ("title_tokens", "tokens"))  # byte offsets in a row


class PageText(NamedTuple):
    """What a reader sees of a page."""

    url: str
    title: str
    snippet: str
    language: str


_TEXT_TYPES = [str] * len(PageText._fields)


def language_code(language: str) -> int:
    """Return a 16-bit code for a tag's language (see `corpus.text.language_tags`), 0 if the tag is invalid.

    The two or three letters of the language are base-27 digits with `a` = 1.
    """
    try:
        letters = language_of(language)
    except LanguageTagError:
        return 0
    number = 0
    for letter in letters:
        number = 27 * number + ord(letter) - _BEFORE_A
    return number


def near_duplicate(left: Any, right: Any) -> NDArray[np.bool_]:
    """Return whether fingerprints (u64, broadcast) are near-duplicates; 0, which means no text, matches nothing."""
    left, right = np.asarray(left, np.uint64), np.asarray(right, np.uint64)
    alike = np.bitwise_count(left ^ right) <= _NEAR_DUPLICATE_BITS
    return np.asarray(alike & (left != 0) & (right != 0))


def alike(left: int, right: int) -> bool:
    """Return `near_duplicate` of two fingerprints; for a few pairs, plain integers are faster than arrays."""
    return bool(left and right) and (left ^ right).bit_count() <= _NEAR_DUPLICATE_BITS


def pack(facts: np.void, tokens: NDArray[np.uint32], text: PageText) -> bytes:
    """Return one row; `facts` has dtype FACTS with `tokens` set to `len(tokens)`."""
    return facts.tobytes() + tokens.astype("<u4").tobytes() + orjson.dumps(tuple(text))


def read_facts(rows: Sequence[bytes]) -> NDArray[np.void]:
    """Return the facts of many rows as one array of dtype FACTS."""
    size = FACTS.itemsize
    return np.frombuffer(b"".join([row[:size] for row in rows]), FACTS)


def read_tokens(row: bytes, facts: np.void) -> NDArray[np.uint32]:
    """Return a row's token ids without special tokens: the title's, then the snippet's."""
    return np.frombuffer(row, "<u4", int(facts["tokens"]), FACTS.itemsize)


def read_text(row: bytes) -> PageText:
    """Return the page's texts."""
    tokens = _U2.unpack_from(row, _TOKENS_AT)[0]
    return PageText(*orjson.loads(row[FACTS.itemsize + 4 * tokens :]))


def is_row(page: int, row: bytes) -> bool:
    """Return whether this is an intact row of the page; takes a microsecond, as a request checks hundreds of rows."""
    if len(row) < FACTS.itemsize or int.from_bytes(row[:8], "little") != page:
        return False
    tokens = _U2.unpack_from(row, _TOKENS_AT)[0]
    if _U2.unpack_from(row, _TITLE_AT)[0] > tokens:
        return False
    try:
        text = orjson.loads(row[FACTS.itemsize + 4 * tokens :])
    except orjson.JSONDecodeError:
        return False
    return type(text) is list and [type(part) for part in text] == _TEXT_TYPES
