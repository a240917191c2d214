"""A page from its HTML: title, snippet, text, language, date, and where its canonical link and translations point."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import trafilatura
from lxml import etree, html
from w3lib.encoding import html_to_unicode

from corpus.imports.instants import from_text
from corpus.imports.records import Alias, LeftOut, Page, Record
from corpus.text.page_text import clean

for _name in ("trafilatura", "htmldate", "courlan"):  # they log what the report counts
    logging.getLogger(_name).setLevel(logging.CRITICAL)

LARGEST = 2 << 20  # bytes of HTML that are read
_MOST_ELEMENTS = 50_000  # a larger page has a title, but no text
_MOST_ATTRIBUTES = 5_000  # of a tag; the parser's time grows with their square
_BODY, _SNIPPET = 200_000, 300  # characters
_WHITE = " \t\r\n\f"


def records_of_page(url: str, data: bytes, content_type: str | None = None) -> Iterator[Record]:
    """Yield the page, and its canonical address if that is another one; LeftOut for a page not to be indexed.

    `content_type` is the HTTP header, which may name the encoding; else the page's own declaration counts.
    """
    tree = _parsed(data[:LARGEST], content_type)
    if tree is None:
        yield LeftOut("no readable HTML", value=url)
        return
    if _is_hidden(tree):
        yield LeftOut("noindex: the site does not want it found", "robots", url)
        return
    translations = {language: joined(url, href) for language, href in _alternates(tree)}
    own = next((language for language, href in translations.items() if href == url), "")
    if (target := _canonical(tree, url)) and target != url:
        yield Alias(url, target)
    text = _extracted(tree, url)
    title = clean(text["title"] or _first(tree, "//title/text()"))
    if not title:
        yield LeftOut("page without a title", "title", url)
        return
    body = clean(text["text"] or "")[:_BODY]
    yield Page(
        url,
        title,
        clean(text["description"] or "") or _opening(body),
        own or (tree.get("lang") or "").strip(),
        from_text(text["date"]) if text["date"] else None,
        body,
        translations=tuple(translations.values()),
    )


def _parsed(data: bytes, content_type: str | None) -> html.HtmlElement | None:
    _, text = html_to_unicode(content_type, data, default_encoding="utf-8", auto_detect_fun=_not_utf8)
    if any(len(tag.partition(">")[0].split()) > _MOST_ATTRIBUTES for tag in text.split("<")):
        return None
    try:  # as bytes: text with an XML declaration of another encoding would be refused
        data = text.replace("\0", "").encode("utf-8", "replace")
        tree = html.document_fromstring(data, html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True))
        return tree if isinstance(tree, html.HtmlElement) else None
    except (etree.LxmlError, ValueError):
        return None


def _not_utf8(data: bytes) -> str | None:
    """Return the encoding of a page that declares none: browsers take Windows-1252 for what is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return "utf-8" if error.reason == "unexpected end of data" else "cp1252"
    return "utf-8"


def _extracted(tree: html.HtmlElement, url: str) -> dict[str, Any]:
    """Return title, description, date and text; None for what is not found, and for all of a very large page."""
    found = None
    if sum(1 for _ in tree.iter()) <= _MOST_ELEMENTS:
        try:
            found = trafilatura.bare_extraction(tree, url=url, fast=True, with_metadata=True, include_comments=False)
        except Exception:  # of any kind, on hostile pages; the page still has a title
            found = None
    return {name: getattr(found, name, None) for name in ("title", "description", "date", "text")}


def _is_hidden(tree: html.HtmlElement) -> bool:
    named = '//meta[translate(@name, "ROBTS", "robts") = "robots"]/@content'
    return any("noindex" in str(content).lower() for content in tree.xpath(named))


def _canonical(tree: html.HtmlElement, url: str) -> str:
    href = _first(tree, '//link[contains(concat(" ", normalize-space(@rel), " "), " canonical ")]/@href')
    return joined(url, href) if href else ""


def _alternates(tree: html.HtmlElement) -> Iterator[tuple[str, str]]:
    for link in tree.xpath('//link[@hreflang and contains(concat(" ", normalize-space(@rel), " "), " alternate ")]'):
        language, href = (link.get("hreflang") or "").strip(), (link.get("href") or "").strip()
        if href and language and language.lower() != "x-default":
            yield language, href


def joined(url: str, href: str) -> str:
    """Return where a link of a page leads; empty where it leads nowhere."""
    try:
        return urljoin(url, href.strip(_WHITE))
    except ValueError:  # such as a broken IPv6 address
        return ""


def _first(tree: html.HtmlElement, path: str) -> str:
    found = tree.xpath(path)
    return str(found[0]) if found else ""


def _opening(body: str) -> str:
    """Return the first words of a text, up to a whole word."""
    return body if len(body) <= _SNIPPET else body[:_SNIPPET].rsplit(" ", 1)[0]
