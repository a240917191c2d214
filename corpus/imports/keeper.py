"""Checks the records of an importer, and keeps what becomes a table: canonical addresses, hashed sessions.

The identities of readers and sessions are hashed with a key that is made for one run and never stored.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from corpus.column_types import FUTURE
from corpus.imports.ledger import Ledger
from corpus.imports.parts import Parts
from corpus.imports.records import Alias, Engagement, LeftOut, Page, Record, View
from corpus.text.html_entities import unescaped
from corpus.text.page_text import clean
from corpus.urls.host_pattern import HostPattern
from corpus.urls.url import InvalidURL, address_key, canonical, host, path_depth, site
from corpus.urls.url_rules import UrlRules

_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000
_INVALID, _ELSEWHERE = "invalid URL", "another host"
_HOSTS = 1_000  # counted


class Keeper:
    """Takes records in the order of a file, and writes the parts of one tool."""

    def __init__(self, parts: Parts, ledger: Ledger, rules: UrlRules, hosts: Sequence[HostPattern] = ()) -> None:
        """`hosts`: the only hosts whose pages are kept; none: all."""
        self._parts, self._ledger, self._hosts = parts, ledger, hosts
        self._key = secrets.token_bytes(32)
        self._latest = time.time_ns() // 1_000 + _DAY_US  # later times must be wrong, as in corpus.tables.staging
        self._canonical = lru_cache(1 << 16)(lambda url: canonical(unescaped(url), rules))
        self.hosts: Counter[str] = Counter()  # host -> views

    def keep(self, record: Record, place: str) -> None:
        """Keep a record of a file, or count why not; `place` names the file and the record."""
        match record:
            case LeftOut():
                self._ledger.leave(record.reason, place, record.field, record.value)
            case Alias():
                self._alias(record, place)
            case _:
                self._located(record, place)

    def _located(self, record: View | Engagement | Page, place: str) -> None:
        try:
            url = self._canonical(record.url)
        except InvalidURL as error:
            self._ledger.leave(f"{_INVALID}: {str(error).partition(':')[0]}"[:80], place, "url", record.url)
            return
        if self._hosts and not any(pattern.covers(site(url)) for pattern in self._hosts):
            self._ledger.leave(_ELSEWHERE, place, "url", url)
        elif not isinstance(record, Page) and record.time > self._latest:
            self._ledger.leave(FUTURE, place, "time", str(record.time))
        elif isinstance(record, View):
            self._view(record, url, place)
        elif isinstance(record, Engagement):
            self._ledger.keep("reading times")
            if record.session is not None:
                self._parts.add("engagements", self._hash(record.session), url, record.time, record.seconds)
        else:
            self._page(record, url)

    def _view(self, view: View, url: str, place: str) -> None:
        self._ledger.keep("views")
        if len(self.hosts) < _HOSTS or host(url) in self.hosts:
            self.hosts[host(url)] += 1
        session = self._hash(f"{place} {view.time} {url}" if view.session is None else view.session)
        if view.session is None and (before := self._referrer(view, url)):
            # Without consent no session is known, but the referrer tells which page came before: a session of two.
            self._parts.add("views", session, before, address_key(before), view.time - _SECOND_US, "", None)
        self._parts.add("views", session, url, address_key(url), view.time, clean(view.title), view.dwell_s)

    def _referrer(self, view: View, url: str) -> str | None:
        """Return the page of the same site that the reader came from."""
        try:
            before = self._canonical(view.referrer) if view.referrer else url
        except InvalidURL:
            return None
        return before if before != url and site(before) == site(url) and path_depth(before) else None

    def _page(self, page: Page, url: str) -> None:
        self._ledger.keep("pages")
        text = (page.title, page.snippet, page.language, page.published, page.body)
        self._parts.add("pages", url, address_key(url), *text, page.listed)
        for other in page.translations:
            try:
                self._parts.add("translations", url, self._canonical(other))
            except InvalidURL:
                continue

    def _alias(self, alias: Alias, place: str) -> None:
        """Keep another address of a page, unless it leads to another site or from anywhere to the home page."""
        try:
            url, target = self._canonical(alias.url), self._canonical(alias.target)
        except InvalidURL:
            self._ledger.leave("canonical link or redirect to no address", place, "url", alias.target)
            return
        if url == target:
            return
        if site(url) != site(target):
            self._ledger.leave("canonical link or redirect to another site", place, "url", target)
        elif path_depth(url) and not path_depth(target) and "?" not in target:
            self._ledger.leave("canonical link or redirect to the home page", place, "url", url)
        else:
            self._ledger.keep("other addresses")
            self._parts.add("aliases", url, target, address_key(target))

    def _hash(self, session: str) -> int:
        digest = hashlib.blake2b(session.encode("utf-8", "surrogatepass"), key=self._key, digest_size=8)
        return int.from_bytes(digest.digest(), "little")
