"""Gives URLs of the input tables their page: the one that has the URL, or the only one at its address."""

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

RESPELT = "another spelling"  # why a row of `pages` is left out that another row's page has under its address
_URLS_AT_ONCE = 50_000


def number_urls(connection: duckdb.DuckDBPyConnection, sources: Iterable[Source], rules: UrlRules) -> None:
    """Make the table `urls`: each distinct spelling once, with canonical URL, PageId and address (null when invalid).

    `known` says whether a page has it, and `respelt` whether that is told by its address alone: see `settle`.
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
    """Leave out rows of `pages` that name a page again under another spelling: one address, one title, one snippet.

    The first row stays. Where two pages of one address differ in their words, each is a page of its own: an address
    of several pages names none of them.
    """
    words = "count(DISTINCT {'title': title, 'snippet': coalesce(snippet, '')}) OVER (PARTITION BY url_address)"
    nth = "row_number() OVER (PARTITION BY url_address ORDER BY ordinal)"
    ranked = f"SELECT ordinal, {nth} AS nth, {words} AS words FROM kept_pages"
    rows = f"SELECT ordinal, '{RESPELT}', 'url' FROM ({ranked}) WHERE nth > 1 AND words = 1"
    connection.execute(f"CREATE TEMP TABLE respelt_pages AS {rows}")  # first: the view reads what is written to
    connection.execute("INSERT INTO wrong_pages FROM respelt_pages")


def settle(connection: duckdb.DuckDBPyConnection) -> None:
    """Say of every URL which kept page it is: its own, or the only one at its address; else it is not known.

    What comes after the pages speaks of known pages alone. Where several pages share an address, each goes by its
    exact URL.
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
