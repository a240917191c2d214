"""URL identity: one canonical URL and one 64-bit PageId per page, and one key for the usual spellings of an address."""

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
_IN_WORDS = frozenset(["Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc", "Cf"])  # Unicode categories

# An escape; or a percent sign that starts none, together with the escape whose decoding could complete it.
_ESCAPE = re.compile(r"%(?:[0-9A-Fa-f]{2}|[0-9A-Fa-f]?(?:%[0-9A-Fa-f]{2})?)")
_UNRESERVED = {
    f"%{ord(letter):02X}": letter for letter in f"{string.ascii_letters}{string.digits}-._~"
}  # RFC 3986, 2.3
_DIRECTIVE = ":~:"  # starts a text directive in a fragment: text for the browser to scroll to

# A directory's index page, and session ids that servers append to paths.
_DEFAULT_DOCUMENT = re.compile(
    r"index\.(?:[xps]?html?|php\d?|[aj]spx?|jsf|cfm|cgi|pl|do)|default\.(?:html?|aspx?|php|jsp)"
)
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/]*")
#: Parameters that are ignored when addresses are compared: they identify a page only on a few sites.
_IGNORED_PARAMETERS = frozenset({"ref", "ref_", "referer", "referrer", "source", "via", "phpsessid", "jsessionid"})

# What sub-pages add to a page's address: further pages, comments, print and AMP views.
_SUB_PAGES = frozenset({"comment", "comments", "amp", "print", "all"})
_NUMBERED = re.compile(r"(?:page|seite|p)\d+")
_NUMBERED_BELOW = frozenset({"page", "seite", "p"})
_VIEW_LIST = "page paged p start offset view print amp sort order replytocom comment comments"
_VIEWS = frozenset(_VIEW_LIST.split())


class InvalidURL(ValueError):
    """A URL that does not identify a web page; the message names the problem and the fix."""


class RuleError(ValueError):
    """An invalid URL rule; the message names the entry and the fix."""


def canonical(url: str, rules: UrlRules = RULES) -> str:
    """Return the canonical form of `url`; `canonical(canonical(u)) == canonical(u)`.

    WHATWG parsing; http and https only; no userinfo; lower-case punycode host without a trailing dot; no default
    port; escapes in upper case, none for unreserved characters, invalid ones unchanged; no tracking parameters; no
    fragment, unless the rules say that the host's fragments are pages, and then without a text directive.
    Raises InvalidURL.
    """
    address, _, fragment = _parsed(url).partition("#")
    address, _, query = address.partition("?")
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    name, port = _split_port(authority.rpartition("@")[2])
    if name.endswith("."):
        return _without_trailing_dot(f"{scheme}://", name, f"{port}/{path}?{query}#{fragment}", rules)
    kept = [pair for pair in _unescaped(query).split("&") if pair and not rules.is_tracking(pair)] if query else ()
    search = f"?{'&'.join(kept)}" if kept else ""
    part = _fragment(fragment, rules) if fragment and rules.has_fragments(name, port) else ""
    result = f"{scheme}://{name}{port}/{_unescaped(path)}{search}{part}"
    if len(result) > MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(result)} characters; the maximum is {MAX_URL_LENGTH}: send a shorter one")
    return result


def _parsed(url: str) -> str:
    """Return the URL as serialized by the WHATWG parser."""
    stripped = url.strip()
    if not stripped:
        raise InvalidURL("the URL is empty: send an absolute http or https URL, such as https://example.org/page")
    if len(url) > 2 * MAX_URL_LENGTH:
        raise InvalidURL(f"the URL has {len(url)} characters; the maximum is {MAX_URL_LENGTH}: send a shorter one")
    if _CONTROL.search(stripped):
        raise InvalidURL("the URL contains a control character: percent-encode or remove it")
    try:
        href: str = ada_url.normalize_url(stripped)
    except ValueError:
        raise InvalidURL("not an absolute URL: send one such as https://example.org/page") from None
    if not href.startswith(("http://", "https://")):
        scheme = href.partition(":")[0]
        raise InvalidURL(f"unsupported URL scheme {f'{scheme}:'[:20]!r}: use http or https")
    return href


def _split_port(host: str) -> tuple[str, str]:
    """Return a host's name and its port with a leading colon, '' if none; colons in an IPv6 address do not count."""
    name, _, port = host.rpartition(":")
    return (name, f":{port}") if port.isdigit() and name else (host, "")


def _without_trailing_dot(scheme: str, name: str, rest: str, rules: UrlRules) -> str:
    """Canonicalize the URL without its host's trailing dots: the rest may be an IPv4 address."""
    bare = name.rstrip(".")
    if not bare:
        raise InvalidURL("the URL has no host: send an absolute URL, such as https://example.org/page")
    return canonical(f"{scheme}{bare}{rest}", rules)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_normalized_escape, text) if "%" in text else text


def _normalized_escape(found: re.Match[str]) -> str:
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
    """Return the host of a canonical URL, with a non-default port."""
    return canonical_url.split("/", 3)[2]


def site(canonical_url: str) -> str:
    """Return the host without a leading `www.`: the unit for host caps and host popularity."""
    return host(canonical_url).removeprefix("www.")


def path_depth(canonical_url: str) -> int:
    """Return the number of segments of a page's path, without the name of an index page: 0 for a home page."""
    return len(_parts(canonical_url)[1])


def host_id(canonical_url: str) -> int:
    """Return the 64-bit id of a page's site, the key for host popularity and host caps."""
    return xxhash.xxh3_64_intdigest(site(canonical_url).encode())


def site_named(entry: str) -> str:
    """Parse a host from a setting, with or without scheme and port, and return its site.

    Raises InvalidURL with the entry in the message.
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
        raise InvalidURL(f"{entry!r} is not a host: use one such as example.org, without a path") from None


def rules_of(fragment_hosts: Iterable[str], tracking_parameters: Iterable[str]) -> UrlRules:
    """Return rules with these hosts whose fragments are pages, and these tracking parameters in addition to the usual.

    A trailing `*` in a parameter matches any suffix. Raises RuleError, which names the entry.
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
        raise RuleError(f"{entry!r} is not a parameter name: use one such as utm_source, or utm_* to match a prefix")
    return name


def address_key(canonical_url: str) -> int:
    """Return a 64-bit key shared by the usual spellings of one address.

    Ignored are the scheme, `www.`, the case of the path, doubled and trailing slashes, the name of an index page, the
    order of parameters, session ids, and parameters that usually give the referrer (`ref`, `source`, `via`). If exactly
    one page has a key, every spelling means that page. Fragments are case-sensitive: `#re.Match` is not `#re.match`.
    """
    name, path, query, fragment = _parts(canonical_url)
    return _key(name, path, query, fragment)


def main_page_key(canonical_url: str) -> int:
    """Return the address key of the page that a sub-page belongs to; a page's own key if it is not a sub-page.

    Sub-pages are further pages, comments, print and AMP views. Other longer paths, and fragments, are separate pages.
    """
    name, path, query, fragment = _parts(canonical_url)
    while path and (path[-1] in _SUB_PAGES or _NUMBERED.fullmatch(path[-1]) or _is_number_below(path)):
        del path[-2 if _is_number_below(path) else -1 :]
    return _key(name, path, [pair for pair in query if pair.partition("=")[0].lower() not in _VIEWS], fragment)


def _is_number_below(path: list[str]) -> bool:
    return len(path) > 1 and path[-1].isdigit() and path[-2] in _NUMBERED_BELOW


def _parts(canonical_url: str) -> tuple[str, list[str], list[str], str]:
    """Return host, path segments, parameters and fragment, without the parts that `address_key` ignores."""
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
    kept = sorted(pair for pair in pairs if pair and pair.partition("=")[0].lower() not in _IGNORED_PARAMETERS)
    return name.removeprefix("www."), parts, kept, fragment


def _key(name: str, path: list[str], query: list[str], fragment: str) -> int:
    address = f"{name}/{'/'.join(path)}?{'&'.join(query)}#{fragment}"
    return xxhash.xxh3_64_intdigest(address.encode("utf-8", "surrogatepass"))


def url_words(canonical_url: str) -> str:
    """Return the words of path, query and fragment, for text models: `/wiki/Red_fox` gives `wiki red fox`."""
    tail = unquote(canonical_url.split("/", 3)[3]) if canonical_url.count("/") > 2 else ""
    if not tail.isascii():  # combining marks, such as vowel signs, belong to the letter before them
        tail = "".join(char if unicodedata.category(char) in _IN_WORDS else " " for char in tail)
        return " ".join(tail.split()).lower()
    return " ".join(_WORD.findall(tail)).lower()
