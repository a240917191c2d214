"""One key for all copies of a page: its AMP and print views, further pages, and other spellings of its address."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import xxhash
from numpy.typing import NDArray

from corpus.urls.url import address_key, main_page_key

# What a title says about a further page or a view, and nothing about the content.
_VIEW = re.compile(r"\b(?:page|seite|página|pagina)\s*\d+(?:\s*(?:of|von|de|di|sur|/)\s*\d+)?|\b(?:amp|print)\b")
_WORD = re.compile(r"\w+")


def copy_key(canonical_url: str, title: str) -> int:
    """Return a 64-bit key that copies of a page share: their main page's address is the same, and their titles.

    Without the title, posts at `/p/12` and `/p/13` would be one page. A page without a title is a copy of none.
    """
    words = _WORD.findall(_VIEW.sub(" ", title.lower()))
    if not words:
        return address_key(canonical_url)
    key = f"{main_page_key(canonical_url)} {' '.join(words)}"
    return xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"))


def copy_keys(canonical_urls: Iterable[str], titles: Iterable[str]) -> NDArray[np.uint64]:
    """Return the keys of pages, in order."""
    return np.fromiter(map(copy_key, canonical_urls, titles), np.uint64)
