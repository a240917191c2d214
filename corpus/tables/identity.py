"""Resolves URLs of the input tables to pages: the page with the URL, else the only page at its address."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from corpus.column_types import value
from corpus.files.scan import Source
from corpus.schema import Kind
from corpus.text.html_entities import unescaped
from corpus.urls.url import InvalidURL, address_key, canonical, page_id
from corpus.urls.url_rules import UrlRules

RESPELT = "another spelling"  # reject reason for a row of `pages` whose page another row already has
_URLS_AT_ONCE = 50_000


def number_urls(connection: duckdb.DuckDBPyConnection, sources: Iterable[Source], rules: UrlRules) -> None:
    """Create the table `urls`: each distinct spelling with its canonical URL, PageId and address (null if invalid).

    `resolve_urls` then sets `known` (a page has the URL) and `respelt` (the page was found only by its address).
    """
    connection.execute(
        "CREATE TABLE urls (raw VARCHAR, url VARCHAR, page UBIGINT, address UBIGINT, known BOOLEAN DEFAULT true,"
        " respelt BOOLEAN DEFAULT false)"
    )
    spellings = " UNION ALL ".join(
        f"SELECT {value(column, source.found[column.name])} AS raw FROM {source.view}"
        for source in sources
        for column in source.table.of(Kind.URL)
        if column.name in source.found
    )
    writer = connection.cursor()
    reader = connection.sql(f"SELECT DISTINCT raw FROM ({spellings}) WHERE raw IS NOT NULL").to_arrow_reader(
        _URLS_AT_ONCE
    )
    for batch in reader:
        writer.register("numbered", _numbered(batch["raw"].to_pylist(), rules))
        writer.execute("INSERT INTO urls (raw, url, page, address) FROM numbered")
        writer.unregister("numbered")
    writer.close()


def _numbered(raw: list[str], rules: UrlRules) -> pa.Table:
    urls = [_canonical(url, rules) for url in raw]
    pages, addresses = (
        pa.array([None if url is None else key(url) for url in urls], pa.uint64()) for key in (page_id, address_key)
    )
    return pa.table({"raw": raw, "url": pa.array(urls, pa.string()), "page": pages, "address": addresses})


def _canonical(url: str, rules: UrlRules) -> str | None:
    try:
        return canonical(unescaped(url), rules)
    except InvalidURL:
        return None


def merge_spellings(connection: duckdb.DuckDBPyConnection) -> None:
    """Reject rows of `pages` that repeat a page under another spelling: same address, title and snippet.

    The first row is kept. If the pages at one address differ in title or snippet, each is a separate page, and the
    address identifies none of them.
    """
    words = "count(DISTINCT {'title': title, 'snippet': coalesce(snippet, '')}) OVER (PARTITION BY url_address)"
    nth = "row_number() OVER (PARTITION BY url_address ORDER BY ordinal)"
    ranked = f"SELECT ordinal, {nth} AS nth, {words} AS words FROM kept_pages"
    rows = f"SELECT ordinal, '{RESPELT}', 'url' FROM ({ranked}) WHERE nth > 1 AND words = 1"
    connection.execute(f"CREATE TEMP TABLE respelt_pages AS {rows}")  # the view reads wrong_pages
    connection.execute("INSERT INTO wrong_pages FROM respelt_pages")


def resolve_urls(connection: duckdb.DuckDBPyConnection) -> None:
    """Resolve every URL to a kept page: the one with the URL, else the only one at its address, else none.

    Later tables may only refer to known pages. If several pages share an address, only their exact URLs match.
    """
    connection.execute(
        "CREATE TEMP TABLE sole_pages AS SELECT url_address AS address, any_value(url_page) AS page,"
        " any_value(url_url) AS url FROM kept_pages GROUP BY url_address HAVING count(*) = 1"
    )
    connection.execute("UPDATE urls SET known = false WHERE page NOT IN (SELECT url_page FROM kept_pages)")
    connection.execute(
        "UPDATE urls SET known = true, respelt = true, page = sole_pages.page, url = sole_pages.url"
        " FROM sole_pages WHERE NOT urls.known AND urls.address = sole_pages.address"
    )
