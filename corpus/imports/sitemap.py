"""Sitemaps: addresses, dates and languages of a site's pages (https://www.sitemaps.org, with Google's extensions).

Sitemaps that an index names are found among the given files. XML is read without entities, DTDs and network.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from corpus.files.text_bytes import opened
from corpus.imports.bounded import LONGEST, Bounded, TooLong
from corpus.imports.export_file import ExportFile
from corpus.imports.instants import from_text
from corpus.imports.records import MALFORMED, NO_URL, LeftOut, Numbered, Page, Record
from corpus.schema import InputError

_SCHEMA = "{*}"  # old sitemaps have other namespaces than http://www.sitemaps.org/schemas/sitemap/0.9
_LINK = "{http://www.w3.org/1999/xhtml}link"
_TOO_LONG = f"{MALFORMED}: an entry is longer than {LONGEST >> 20} MB, and the rest is not read"
_PUBLISHED = "{*}news/{*}publication_date"


class Sitemap:
    """Reads the addresses of sitemaps; titles and text come from the pages' HTML (`--pages`)."""

    name, title, unit = "sitemap", "a sitemap", "address"

    def recognises(self, file: ExportFile) -> bool:
        start = file.start
        return "<urlset" in start or "<sitemapindex" in start

    def read(self, file: ExportFile) -> Numbered:
        number = 0
        try:
            with opened(file.path, file.packing) as source:
                for number, element in enumerate(_elements(Bounded(source), file), 1):
                    yield number, _record(element)
        except TooLong:
            yield number + 1, LeftOut(_TOO_LONG)
        except etree.XMLSyntaxError as error:
            why = str(error).split("\n")[0]
            yield number + 1, LeftOut(f"{MALFORMED}: the XML breaks here, and the rest is not read", value=why)


def _elements(source: Bounded, file: ExportFile) -> Iterator[etree._Element]:
    """Yield the entries of a sitemap one by one; each is forgotten before the next."""
    events = etree.iterparse(
        source,
        events=("start", "end"),
        tag=[f"{_SCHEMA}{name}" for name in ("urlset", "sitemapindex", "url", "sitemap")],
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    for event, element in events:
        name = etree.QName(element).localname
        if event == "start":
            if element.getroottree().docinfo.doctype:
                raise InputError(f"{file.path} has a DOCTYPE, which no sitemap has: it is not read; remove the DOCTYPE")
        elif name in ("url", "sitemap"):
            source.done()
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _record(element: etree._Element) -> Record:
    url = _text(element, "loc")
    if etree.QName(element).localname == "sitemap":
        return LeftOut("another sitemap: give its file too", "loc", url)
    if not url:
        return LeftOut(NO_URL, "loc")
    alternates = dict(_alternates(element))
    language = next((tag for tag, href in alternates.items() if href == url), "")
    date = element.findtext(_PUBLISHED) or _text(element, "lastmod")
    return Page(
        url, language=language, published=from_text(date) if date else None, translations=tuple(alternates.values())
    )


def _alternates(element: etree._Element) -> Iterator[tuple[str, str]]:
    for link in element.iterfind(_LINK):
        language, href = (link.get("hreflang") or "").strip(), (link.get("href") or "").strip()
        if language and href and language.lower() != "x-default":
            yield language, href


def _text(element: etree._Element, name: str) -> str:
    return (element.findtext(f"{_SCHEMA}{name}") or "").strip()
