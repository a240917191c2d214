"""Makes the tables that the build reads from the parts of all imports: clicks, and pages with the best text of each."""

# ruff: noqa: S608 - the SQL is made of constants and quoted paths

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.files.sql_quoting import quoted
from corpus.imports.clicks import make_clicks
from corpus.imports.parts import SCHEMAS
from corpus.urls.url import host, url_words

_PAGES_AT_ONCE = 8192
_HOPS = 5  # of redirects and canonical links that are followed

#: Columns of the pages table.
PAGES = pa.schema([SCHEMAS["pages"].field(n) for n in ("url", "title", "snippet", "language", "published", "body")])


@dataclass(frozen=True, slots=True)
class Made:
    """What the tables hold."""

    pages: int
    without_title: int  # their address's words stand in
    without_text: int  # neither snippet nor body
    only_in_log: int  # pages that no sitemap and no crawl lists
    not_listed: int  # such pages that are left out, as asked
    clicks: int
    repeated: int  # views that the exports had twice
    folded: int  # addresses that a canonical link or redirect led to another one


def make_tables(parts: Path, out: Path, only_listed: bool = False) -> Made:
    """Write `pages.parquet` and `clicks.parquet` into `out` from `<parts>/<tool>/<part>.parquet`.

    `only_listed`: pages that only a log names are left out, if a sitemap or crawl lists any.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".importing-", dir=out) as working,
        closing(_connect(Path(working))) as connection,
    ):
        for name in SCHEMAS:
            files = quoted(str(parts / "*" / f"{name}.parquet"))
            connection.execute(
                f"CREATE VIEW {name} AS FROM read_parquet({files}, filename = true, file_row_number = true)"
            )
        folded = _follow_aliases(connection)
        clicks, repeated = make_clicks(connection)
        only_in_log, not_listed = _choose_pages(connection, only_listed)
        made = Path(working) / "pages.parquet"
        pages, untitled, textless = _write_pages(connection, made)
        if clicks:
            target = Path(working) / "clicks.parquet"
            _copy(connection, "SELECT session, url, time, dwell_s FROM clicks ORDER BY time, session, url", target)
            target.replace(out / "clicks.parquet")
        else:
            (out / "clicks.parquet").unlink(missing_ok=True)
        made.replace(out / "pages.parquet")
    return Made(pages, untitled, textless, only_in_log, not_listed, clicks, repeated, folded)


def _connect(working: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(working / "import.duckdb"), config={"memory_limit": "1GB", "temp_directory": str(working), "threads": 2}
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _follow_aliases(connection: duckdb.DuckDBPyConnection) -> int:
    """Create `moved` (url, target, address): where each alias leads in the end; return their number.

    Translations are not copies, whatever a canonical link says; what leads in a circle stays where it is.
    """
    connection.execute(
        f"""CREATE TABLE moved AS
        WITH RECURSIVE hop AS (
            SELECT a.url, min({{'target': a.target, 'address': a.address}}) AS way FROM aliases AS a
            ANTI JOIN translations AS t ON a.url = t.url AND a.target = t.other GROUP BY a.url),
        path AS (
            SELECT url, way, 1 AS hops FROM hop
            UNION ALL
            SELECT path.url, hop.way, hops + 1 FROM path JOIN hop ON path.way.target = hop.url WHERE hops <= {_HOPS}),
        ends AS (SELECT url, arg_max(way, hops) AS way, max(hops) AS hops FROM path GROUP BY url)
        SELECT url, way.target AS target, way.address AS address FROM ends WHERE hops <= {_HOPS}"""
    )
    [(folded,)] = connection.execute("SELECT count(*) FROM moved").fetchall()
    return int(folded)


def _choose_pages(connection: duckdb.DuckDBPyConnection, only_listed: bool) -> tuple[int, int]:
    """Create `chosen`, one row of `pages` for each page that the site lists, and `unlisted`, those that only logs name.

    Return how many only logs name: those that are kept, and those that are left out because of `only_listed`.
    A listed row with a title is preferred. At an address that has one, rows without a title are other spellings of it.
    """
    connection.execute(
        """CREATE TABLE listed AS
        SELECT filename, file_row_number, coalesce(m.target, p.url) AS url, coalesce(m.address, p.address) AS address,
            title <> '' AS titled, m.url IS NOT NULL AS moved, language, published
        FROM pages AS p LEFT JOIN moved AS m ON p.url = m.url WHERE p.listed"""
    )
    connection.execute(
        """CREATE TABLE chosen AS
        WITH best AS (
            SELECT * EXCLUDE (language, published),
                max(language) OVER one AS language, max(published) OVER one AS published,
                row_number() OVER (one ORDER BY NOT titled, moved, filename, file_row_number) AS place
            FROM listed WINDOW one AS (PARTITION BY url)),
        single AS (SELECT *, bool_or(titled) OVER (PARTITION BY address) AS known FROM best WHERE place = 1)
        SELECT * FROM single WHERE titled OR NOT known"""
    )
    connection.execute(
        """CREATE TABLE named AS
        WITH seen AS (
            SELECT url, address, title FROM views
            UNION ALL SELECT url, address, title FROM pages WHERE NOT listed)
        SELECT coalesce(m.target, s.url) AS url, any_value(coalesce(m.address, s.address)) AS address, title,
            {'times': count(*), 'title': title} AS weight
        FROM seen AS s LEFT JOIN moved AS m ON s.url = m.url GROUP BY 1, title"""
    )
    connection.execute(
        """CREATE TABLE unlisted AS
        SELECT url, coalesce(arg_max(title, weight) FILTER (title <> ''), '') AS title FROM named
        WHERE address NOT IN (SELECT address FROM chosen) GROUP BY url"""
    )
    [(listed, unlisted)] = connection.execute(
        "SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM unlisted)"
    ).fetchall()
    if not (only_listed and listed):
        return int(unlisted), 0
    connection.execute("DELETE FROM unlisted")
    return 0, int(unlisted)


_PAGES = """
    SELECT c.url, coalesce(nullif(p.title, ''), t.title, '') AS title, p.snippet,
        coalesce(nullif(p.language, ''), c.language) AS language, coalesce(p.published, c.published) AS published,
        p.body
    FROM chosen AS c JOIN pages AS p ON c.filename = p.filename AND c.file_row_number = p.file_row_number
    LEFT JOIN (SELECT address, arg_max(title, weight) AS title FROM named WHERE title <> '' GROUP BY address) AS t
        ON c.address = t.address
    UNION ALL SELECT url, title, '', '', NULL, '' FROM unlisted"""


def _write_pages(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, int, int]:
    """Write the pages; return their number, how many have no title, and how many neither snippet nor body."""
    pages = untitled = textless = 0
    with pq.ParquetWriter(path, PAGES, compression="zstd") as writer:
        for batch in connection.sql(_PAGES).to_arrow_reader(_PAGES_AT_ONCE):
            rows = batch.to_pydict()
            pages += len(rows["url"])
            untitled += rows["title"].count("")
            textless += sum(not (snippet or body) for snippet, body in zip(rows["snippet"], rows["body"], strict=True))
            rows["title"] = [title or _named(url) for url, title in zip(rows["url"], rows["title"], strict=True)]
            writer.write_table(pa.Table.from_pydict(rows, schema=PAGES))
    return pages, untitled, textless


def _named(url: str) -> str:
    """Return the words of an address, for a page without a title; the host of a home page."""
    return url_words(url) or host(url)


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, path: Path) -> None:
    connection.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
