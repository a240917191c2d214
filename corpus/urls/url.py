"""URL identity: one page, one canonical URL, one 64-bit PageId; and one key for the usual spellings of an address."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

import ada_url
import numpy as np
import xxhash
from numpy.typing import NDArray

from corpus.urls.url_rules import RULES, UrlRules

MAX_URL_LENGTH = 2048

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_IN_WORDS = frozenset(["Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc", "Cf"])  # categories of Unicode

# An escape; or a percent sign that begins none, with the escape whose decoding could make it begin one.
_ESCAPE = re.compile(r"%(?:[0-9A-Fa-f]{2}|[0-9A-Fa-f]?(?:%[0-9A-Fa-f]{2})?)")
_UNRESERVED = {
    f"%{ord(letter):02X}": letter for letter in f"{string.ascii_letters}{string.digits}-._~"
}  # RFC 3986, 2.3
_DIRECTIVE = ":~:"  # what follows it in a fragment is for the browser: a text to scroll to

# A server's own page of a directory, and what it appends to an address to know a reader again.
_DEFAULT_DOCUMENT = re.compile(
    r"index\.(?:[xps]?html?|php\d?|[aj]spx?|jsf|cfm|cgi|pl|do)|default\.(?:html?|aspx?|php|jsp)"
)
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/]*")
#: Parameters that are passed over where addresses are compared: they name a page on some sites only.
_PASSED_OVER = frozenset({"ref", "ref_", "referer", "referrer", "source", "via", "phpsessid", "jsessionid"})

# What a page's sub-pages add to its address: its further pages, its comments, its print and AMP views.
_SUB_PAGES = frozenset({"comment", "comments", "amp", "print", "all"})
_NUMBERED = re.compile(r"(?:page|seite|p)\d+")
_NUMBERED_BELOW = frozenset({"page", "seite", "p"})
_VIEW_LIST = "page paged p start offset view print amp sort order replytocom comment comments"
_VIEWS = frozenset(_VIEW_LIST.split())


class InvalidURL(ValueError):
    """A URL that names no page; the message says what is wrong and how to mend it."""


class RuleError(ValueError):
    """A rule for URLs that cannot be one; the message names the entry and the fix."""


def canonical(url: str, rules: UrlRules = RULES) -> str:
    """Return the one spelling of `url`; `canonical(canonical(u)) == canonical(u)`.

    WHATWG parsing; http and https only; no userinfo; lower-case punycode host without a last dot; no default port;
    escapes in upper case, none for letters that need none, and broken ones as they are; no tracking parameters; no
    fragment, unless the rules say that the host's fragments are pages, and then without a text directive.
    Raises InvalidURL.
    """
    address, _, fragment = _parsed(url).partition("#")
    address, _, query = address.partition("?")
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    name, port = _split_port(authority.rpartition("@")[2])
    if name.endswith("."):
        return _without_last_dot(f"{scheme}://", name, f"{port}/{path}?{query}#{fragment}", rules)
    kept = [pair for pair in _unescaped(query).split("&") if pair and not rules.is_tracking(pair)] if query else ()
    search = f"?{'&'.join(kept)}" if kept else ""
    part = _fragment(fragment, rules) if fragment and rules.has_fragments(name, port) else ""
    result = f"{scheme}://{name}{port}/{_unescaped(path)}{search}{part}"
    if len(result) > MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(result)} characters; at most {MAX_URL_LENGTH} are read: send a shorter one")
    return result


def _parsed(url: str) -> str:
    """Return the URL as the WHATWG's parser writes it."""
    stripped = url.strip()
    if not stripped:
        raise InvalidURL("the URL is empty: send an absolute http or https URL, such as https://example.org/page")
    if len(url) > 2 * MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(url)} characters; at most {MAX_URL_LENGTH} are read: send a shorter one")
    if _CONTROL.search(stripped):
        raise InvalidURL("the URL holds a control character: percent-encode it or take it out")
    try:
        href: str = ada_url.normalize_url(stripped)
    except ValueError:
        raise InvalidURL("not an absolute URL: send one such as https://example.org/page") from None
    if not href.startswith(("http://", "https://")):
        scheme = href.partition(":")[0]
        raise InvalidURL(f"the scheme is {f'{scheme}:'[:20]!r}: only http and https pages are read")
    return href


def _split_port(host: str) -> tuple[str, str]:
    """Return a host's name, and its port with the colon before it; the colons of an IPv6 address begin none."""
    name, _, port = host.rpartition(":")
    return (name, f":{port}") if port.isdigit() and name else (host, "")


def _without_last_dot(scheme: str, name: str, rest: str, rules: UrlRules) -> str:
    """Read the URL again without the last dots of its host: what is left may be an IPv4 address."""
    bare = name.rstrip(".")
    if not bare:
        raise InvalidURL("the URL has no host: send an absolute URL, such as https://example.org/page")
    return canonical(f"{scheme}{bare}{rest}", rules)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_spelt, text) if "%" in text else text


def _spelt(found: re.Match[str]) -> str:
    text = found[0]
    return _UNRESERVED.get(text.upper(), text.upper()) if len(text) == 3 else text


def _fragment(fragment: str, rules: UrlRules) -> str:
    name = _unescaped(fragment).partition(_DIRECTIVE)[0]
    if "=" in name and all("=" in pair and rules.is_tracking(pair) for pair in name.split("&")):
        return ""
    return f"#{name}" if name else ""


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


def site_named(entry: str) -> str:
    """Return the site that an operator names by its host, in any spelling, with or without scheme and port.

    Raises InvalidURL, with the entry in the message.
    """
    scheme, mark, rest = entry.strip().rpartition("://")
    if not mark:
        scheme = "http" if rest.endswith(":80") else "https"
    name = rest.removesuffix("/")
    try:
        if not name or any(letter in name for letter in "/\\?#@*,; "):
            raise InvalidURL("")
        return site(canonical(f"{scheme}://{name}/"))
    except InvalidURL:
        raise InvalidURL(f"{entry!r} names no host: write one such as example.org, without a path") from None


def rules_of(fragment_hosts: Iterable[str], tracking_parameters: Iterable[str]) -> UrlRules:
    """Return the rules of a site whose fragments are pages on these hosts, and which tracks by these parameters too.

    A parameter may end in `*` for all that begin so. Raises RuleError, which names the entry.
    """
    try:
        hosts = {site_named(entry) for entry in fragment_hosts}
    except InvalidURL as error:
        raise RuleError(str(error)) from None
    added = {_parameter(entry) for entry in tracking_parameters}
    return UrlRules(tuple(sorted(hosts)), tuple(sorted({*RULES.tracking_parameters, *added})))


def _parameter(entry: str) -> str:
    name = entry.strip().lower()
    if not re.fullmatch(r"[^\s*&=#%?]+\*?", name):
        raise RuleError(f"{entry!r} is no parameter's name: write one such as utm_source, or utm_* for all such")
    return name


def address_key(canonical_url: str) -> int:
    """Return a 64-bit key shared by the usual spellings of one address.

    Passed over are the scheme, `www.`, the case of the path, slashes that are doubled or last, the name of a default
    document, the order of parameters, session ids, and parameters that mostly say where the reader came from (`ref`,
    `source`, `via`). Where exactly one page has a key, every spelling is that page. A fragment is no part of an
    address: `#re.Match` is not `#re.match`.
    """
    name, path, query, fragment = _parts(canonical_url)
    return _key(name, path, query, fragment)


def main_page_key(canonical_url: str) -> int:
    """Return the address key of the page that a sub-page belongs to, a page's own key if it is none.

    Sub-pages are further pages, comments, print and AMP views; a path that only goes on is a page of its own, and so
    is a fragment.
    """
    name, path, query, fragment = _parts(canonical_url)
    while path and (path[-1] in _SUB_PAGES or _NUMBERED.fullmatch(path[-1]) or _is_number_below(path)):
        del path[-2 if _is_number_below(path) else -1 :]
    return _key(name, path, [pair for pair in query if pair.partition("=")[0].lower() not in _VIEWS], fragment)


def _is_number_below(path: list[str]) -> bool:
    return len(path) > 1 and path[-1].isdigit() and path[-2] in _NUMBERED_BELOW


def _parts(canonical_url: str) -> tuple[str, list[str], list[str], str]:
    """Return host, parts of the path, parameters and fragment, without what an address passes over."""
    address, _, fragment = canonical_url.partition("://")[2].partition("#")
    address, _, query = address.partition("?")
    name, _, path = address.partition("/")
    path = path.lower()
    if ";" in path:
        path = _PATH_SESSION.sub("", path)
    parts = [part for part in path.split("/") if part]
    if parts and _DEFAULT_DOCUMENT.fullmatch(parts[-1]):
        del parts[-1]
    pairs = query.split("&") if query else []
    kept = sorted(pair for pair in pairs if pair and pair.partition("=")[0].lower() not in _PASSED_OVER)
    return name.removeprefix("www."), parts, kept, fragment


def _key(name: str, path: list[str], query: list[str], fragment: str) -> int:
    address = f"{name}/{'/'.join(path)}?{'&'.join(query)}#{fragment}"
    return xxhash.xxh3_64_intdigest(address.encode("utf-8", "surrogatepass"))


def url_words(canonical_url: str) -> str:
    """Return the words of path, query and fragment, for text models: `/wiki/Red_fox` gives `wiki red fox`."""
    tail = unquote(canonical_url.split("/", 3)[3]) if canonical_url.count("/") > 2 else ""
    if not tail.isascii():  # signs of vowels and the like belong to the letter before
        tail = "".join(sign if unicodedata.category(sign) in _IN_WORDS else " " for sign in tail)
        return " ".join(tail.split()).lower()
    return " ".join(_WORD.findall(tail)).lower()
