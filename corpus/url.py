"""URL identity: one page, one canonical URL, one 64-bit PageId."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

import ada_url
import numpy as np
import xxhash
from numpy.typing import NDArray

MAX_URL_LENGTH = 2048

#: Hosts whose fragments name pages of their own (a method on a documentation page).
FRAGMENT_HOSTS = frozenset({"docs.python.org"})

_TRACKING = re.compile(
    r"^(utm_.*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|_ga|_gl|mkt_tok)$"
)
_SUB_PAGE = re.compile(r"(/(page|seite|p)/?\d+|/(comments?|amp|print|all))+/*$", re.IGNORECASE)
_VIEW = re.compile(r"^(page|paged|p|start|offset|view|print|amp|sort|order|replytocom|comments?)(=|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_IN_WORDS = frozenset(["Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc", "Cf"])  # categories of Unicode


class InvalidURL(ValueError):
    """A URL that names no page; the message says what is wrong and how to mend it."""


@lru_cache(maxsize=65_536)
def canonical(url: str, fragment_hosts: frozenset[str] = FRAGMENT_HOSTS) -> str:
    """Return the one spelling of `url`; `canonical(canonical(u)) == canonical(u)`.

    WHATWG parsing; http and https only; no userinfo; lower-case punycode host; default port,
    tracking parameters and fragment dropped (a fragment stays on `fragment_hosts`).
    Raises InvalidURL.
    """
    parts = _parse(url)
    kept = [pair for pair in parts.search[1:].split("&") if pair and not _is_tracking(pair)]
    search = "?" + "&".join(kept) if kept else ""
    fragment = parts.hash if parts.hostname in fragment_hosts and len(parts.hash) > 1 else ""
    result = f"{parts.protocol}//{parts.host}{parts.pathname}{search}{fragment}"
    if len(result) > MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(result)} characters; at most {MAX_URL_LENGTH} are read: send a shorter one")
    return result


def _parse(url: str) -> ada_url.URL:
    if not url or not url.strip():
        raise InvalidURL("the URL is empty: send an absolute http or https URL, such as https://example.org/page")
    if len(url) > 2 * MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(url)} characters; at most {MAX_URL_LENGTH} are read: send a shorter one")
    if _CONTROL.search(url.strip()):
        raise InvalidURL("the URL holds a control character: percent-encode it or take it out")
    try:
        parts = ada_url.URL(url)
    except (ValueError, UnicodeError):
        raise InvalidURL("not an absolute URL: send one such as https://example.org/page") from None
    if parts.protocol not in ("http:", "https:"):
        raise InvalidURL(f"the scheme is {parts.protocol[:20]!r}: only http and https pages are read")
    return parts


def _is_tracking(pair: str) -> bool:
    return _TRACKING.match(pair.partition("=")[0].lower()) is not None


def page_id(canonical_url: str) -> int:
    """Return the PageId of a canonical URL: unsigned 64-bit xxh3."""
    return xxhash.xxh3_64_intdigest(canonical_url.encode("utf-8", "surrogatepass"))


def page_ids(canonical_urls: Iterable[str]) -> NDArray[np.uint64]:
    """Return the PageIds of canonical URLs, in order."""
    return np.fromiter((page_id(url) for url in canonical_urls), dtype=np.uint64)


def host(canonical_url: str) -> str:
    """Return the host (with a port that is not the default) of a canonical URL."""
    return canonical_url.split("/", 3)[2]


def site(canonical_url: str) -> str:
    """Return the host without a leading `www.`: the unit of host caps and host popularity."""
    return host(canonical_url).removeprefix("www.")


def host_id(canonical_url: str) -> int:
    """Return the 64-bit id of a page's site, the key of host popularity and host caps."""
    return xxhash.xxh3_64_intdigest(site(canonical_url).encode())


def address_key(canonical_url: str) -> int:
    """Return a 64-bit key shared by the usual spellings of one address.

    Scheme, `www.`, a trailing slash, `index.html` and letter case are passed over, so a redirect
    between such spellings is seen as the same page. A fragment is no address: `#re.Match` is not `#re.match`.
    """
    rest, mark, fragment = canonical_url.partition("://")[2].partition("#")
    path = re.sub(r"(/index\.(html?|php))?/*(?=$|\?)", "", rest.removeprefix("www."), count=1)
    return xxhash.xxh3_64_intdigest(f"{path.lower()}{mark}{fragment}".encode("utf-8", "surrogatepass"))


def trunk_key(canonical_url: str) -> int:
    """Return a 64-bit key shared by a page and its sub-pages: its further pages, comments, print and AMP views.

    Otherwise as `address_key`; a path that only goes on is a page of its own, and so is a fragment.
    """
    address, fragment_mark, fragment = canonical_url.partition("#")
    rest, mark, query = address.partition("?")
    kept = "&".join(pair for pair in query.split("&") if not _VIEW.match(pair))
    return address_key(f"{_SUB_PAGE.sub('', rest)}{mark if kept else ''}{kept}{fragment_mark}{fragment}")


def url_words(canonical_url: str) -> str:
    """Return the words of path, query and fragment, for text models: `/wiki/Red_fox` gives `wiki red fox`."""
    tail = unquote(canonical_url.split("/", 3)[3]) if canonical_url.count("/") > 2 else ""
    if not tail.isascii():  # signs of vowels and the like belong to the letter before
        tail = "".join(sign if unicodedata.category(sign) in _IN_WORDS else " " for sign in tail)
        return " ".join(tail.split()).lower()
    return " ".join(_WORD.findall(tail)).lower()
