"""What a site's tables hold before anything is built: sessions, text, languages, hubs, and what does not join."""

# ruff: noqa: S608 - the SQL is made of constants and quoted paths

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from corpus.files.sql_quoting import quoted
from corpus.tables.reader import read
from corpus.tables.report import Report
from corpus.tables.sessions import SESSIONS, Sessions
from corpus.urls.url_rules import RULES, UrlRules

# A page with a larger share of the clicks, and so many times the mean, is a hub: reached from everywhere, its clicks
# say little about what fits a page.
_HUB, _TIMES_MEAN = 0.05, 5
_HUBS = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """The checked tables in figures; shares are between 0 and 1."""

    report: Report
    pages: int
    without_text: int  # neither snippet nor body
    without_body: int
    dated: int
    near_duplicates: int  # pages whose title and snippet another page has too, word for word or nearly
    languages: Mapping[str, int]  # most pages first; '' is unknown
    clicks: int
    clicked_pages: int
    sessions: int
    single: int  # sessions of one page
    median_length: float
    longest: int
    followed_pages: int  # pages that stand beside another one in some session
    timed: int  # clicks with the time that was spent
    first: datetime | None
    last: datetime | None
    hubs: Mapping[str, float]  # URL -> share of the clicks of pages that are reached from everywhere
    impressions: int
    with_knowledge: int  # pages that the knowledge table has a text of

    @property
    def days(self) -> int:
        """Days from the first to the last click, both included."""
        return (self.last - self.first) // timedelta(days=1) + 1 if self.first and self.last else 0

    @property
    def joined_share(self) -> float | None:
        """The share of the log's rows whose page is in the pages table; None without a log."""
        log = [self.report.tables[name] for name in ("clicks", "impressions") if name in self.report.tables]
        lost = sum(table.rejected["unknown page"].count for table in log if "unknown page" in table.rejected)
        rows = sum(table.read for table in log)
        return 1 - lost / rows if rows else None


def overview(
    data: Path, rules: UrlRules = RULES, sessions: Sessions = SESSIONS, *, threads: int = 2, memory: str = "2GB"
) -> Overview:
    """Read and check the tables of a directory as the build does, and count; writes nothing beside a temporary copy.

    Raises InputError.
    """
    with tempfile.TemporaryDirectory(prefix="onward-inspect-") as name:
        directory = Path(name)
        report = read(data, directory, None, rules, sessions, threads=threads, memory=memory)
        with closing(
            duckdb.connect(config={"threads": threads, "memory_limit": memory, "temp_directory": name})
        ) as connection:
            for table in ("pages", "clicks", "impressions", "knowledge"):
                file = quoted(str(directory / f"{table}.parquet"))
                connection.execute(f"CREATE VIEW {table} AS FROM read_parquet({file})")
            return Overview(report, **_counted(connection))


def _counted(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    languages = "SELECT language, count(*) AS pages FROM pages GROUP BY 1 ORDER BY 2 DESC, 1"
    hubs = f"""SELECT url, clicks / total AS share
        FROM (SELECT page, count(*) AS clicks, sum(count(*)) OVER () AS total, count(*) OVER () AS clicked
            FROM clicks GROUP BY page)
        JOIN pages USING (page)
        WHERE share > greatest({_HUB}, {_TIMES_MEAN} / clicked) ORDER BY share DESC, url LIMIT {_HUBS}"""
    return {
        **_row(connection, _PAGES),
        **_row(connection, _CLICKS),
        **_row(connection, _SESSIONS),
        **_row(connection, "SELECT count(*) AS impressions FROM impressions"),
        **_row(connection, "SELECT count(DISTINCT page) AS with_knowledge FROM knowledge WHERE trim(text) <> ''"),
        "languages": dict(connection.execute(languages).fetchall()),
        "hubs": dict(connection.execute(hubs).fetchall()),
    }


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return dict(zip(names, result.fetchall()[0], strict=True))


_PAGES = """
    SELECT count(*) AS pages, count(*) FILTER (snippet = '' AND body = '') AS without_text,
        count(*) FILTER (body = '') AS without_body, count(published) AS dated,
        count(fingerprint) FILTER (fingerprint <> 0) - count(DISTINCT fingerprint) FILTER (fingerprint <> 0)
            AS near_duplicates
    FROM pages"""
_CLICKS = """
    SELECT count(*) AS clicks, count(DISTINCT page) AS clicked_pages, count(dwell_s) AS timed,
        min(time) AS first, max(time) AS last
    FROM clicks"""
_SESSIONS = """
    WITH visits AS (SELECT session, count(*) AS length FROM clicks GROUP BY session),
    beside AS (
        SELECT page, step - lag(step) OVER one = 1 OR lead(step) OVER one - step = 1 AS has_neighbour
        FROM clicks WINDOW one AS (PARTITION BY session ORDER BY step))
    SELECT count(*) AS sessions, count(*) FILTER (length = 1) AS single, coalesce(median(length), 0) AS median_length,
        coalesce(max(length), 0) AS longest,
        (SELECT count(DISTINCT page) FROM beside WHERE has_neighbour) AS followed_pages
    FROM visits"""
