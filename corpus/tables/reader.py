"""Reads the input tables: validates every row, maps URLs to PageIds and writes the tables that the build uses."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from corpus.events.tables import write_tables
from corpus.files.input_files import InputFiles, Parts, find_inputs, named_tables
from corpus.files.scan import Source
from corpus.files.sources import Opened, inspect, loaded, reading
from corpus.files.sql_quoting import quoted
from corpus.schema import TABLES, InputError
from corpus.tables.clock_outliers import reject_strays
from corpus.tables.identity import merge_spellings, number_urls, resolve_urls
from corpus.tables.page_facts import PAGES, describe
from corpus.tables.recorded_twice import reject_recorded_twice
from corpus.tables.report import Report
from corpus.tables.row_outcomes import collisions, table_reports, write_rejected
from corpus.tables.sessions import SESSIONS, Sessions, only_dates, split_visits
from corpus.tables.staging import reject_duplicates, stage, stage_empty
from corpus.urls.url_rules import RULES, UrlRules

_PAGES_AT_ONCE = 8192

#: The file of all rejected rows, one JSON object per line.
REJECTED = "rejected.jsonl"

_PAGES = """
    SELECT url_page AS page, url_url AS url, title, coalesce(snippet, '') AS snippet,
        coalesce(language, '') AS language, coalesce(body, '') AS body, published, valid_until
    FROM kept_pages ORDER BY page"""

#: Table -> SQL for its output rows.
_WRITTEN = {
    "clicks": """
        SELECT CASE WHEN visit = 0 THEN v.session ELSE xor(v.session, md5_number_lower(visit::VARCHAR)) END AS session,
            url_page AS page, time, dwell_s::FLOAT AS dwell_s, step::INTEGER AS step
        FROM kept_clicks JOIN visits AS v USING (ordinal) ORDER BY 1, time, ordinal""",
    "impressions": """
        SELECT xor(impression, url1_page) AS impression, time, url1_page AS page1, url2_page AS page2, position,
            clicked, dwell_s::FLOAT AS dwell_s, coalesce(random, false) AS random, propensity::FLOAT AS propensity
        FROM kept_impressions ORDER BY time, 1, position, ordinal""",
    "labels": """
        SELECT url1_page AS page1, url2_page AS page2, quality::FLOAT AS quality, coalesce(source, '') AS source
        FROM kept_labels ORDER BY page1, page2, ordinal""",
    "knowledge": "SELECT url_page AS page, left(text, 100_000) AS text FROM kept_knowledge ORDER BY page",
}


def read(
    data: Path | Mapping[str, Path],
    out: Path,
    until: datetime | None = None,
    rules: UrlRules = RULES,
    sessions: Sessions = SESSIONS,
    *,
    threads: int = 2,
    memory: str = "2GB",
) -> Report:
    """Read pages, clicks, impressions, labels and knowledge into Parquet files in `out`; return a report on the rows.

    `data` is a directory, where `events/` becomes further clicks and impressions, or a file per table. Rows whose time
    is not before `until` (UTC if naive) are skipped. URLs are canonicalized by `rules`; a URL that no page has means
    the only page at its address. A missing table is written without rows. Every rejected row goes to `rejected.jsonl`.
    `threads` and `memory` are DuckDB's limits.
    Raises InputError, before any work, if a file or a column is missing or invalid; and if no page is left.
    """
    found = find_inputs(data) if isinstance(data, Path) else InputFiles(dict(named_tables(data)))
    out.mkdir(parents=True, exist_ok=True)
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    with (
        tempfile.TemporaryDirectory(prefix=".reading-", dir=out) as working,
        closing(_connect(Path(working), threads, memory)) as connection,
    ):
        tables = _with_events(connection, found, Path(working))
        opened = _opened(connection, tables, Path(working))
        sources = {name: table.source for name, table in opened.items()}
        number_urls(connection, sources.values(), rules)
        _stage(connection, sources, until, sessions, events=bool(found.events))
        notes = {name: table.notes for name, table in opened.items()}
        if "impressions" in sources:
            notes["impressions"] += tuple(collisions(connection, sources["impressions"]))
        report = Report(table_reports(connection, sources.values(), notes), found.ignored)
        _check_pages(report, sources["pages"].path)
        _write_pages(connection, out / "pages.parquet")
        for name, rows in _WRITTEN.items():
            _copy(connection, rows, out / f"{name}.parquet")
        write_rejected(connection, sources.values(), out / REJECTED)
    return report


def _stage(
    connection: duckdb.DuckDBPyConnection,
    sources: Mapping[str, Source],
    until: datetime | None,
    sessions: Sessions,
    events: bool,
) -> None:
    """Create `kept_<table>` for every table, and `visits`."""
    for table in TABLES:
        if table.name not in sources:
            stage_empty(connection, table)
            continue
        with reading(sources[table.name].path):
            stage(connection, sources[table.name], until)
        if table.name == "pages":
            reject_duplicates(connection, table)
            merge_spellings(connection)
            resolve_urls(connection)
    reject_strays(connection, [name for name in ("clicks", "impressions") if name in sources])
    if events:
        reject_recorded_twice(connection, sources["clicks"])
    for table in TABLES[1:]:
        if table.name in sources:
            reject_duplicates(connection, table)
    if (clicks := sources.get("clicks")) is None:
        connection.execute("CREATE TABLE visits (ordinal BIGINT, session UBIGINT, visit BIGINT, step BIGINT)")
    else:
        split_visits(connection, sessions, only_dates(connection, clicks.view, clicks.found.get("time", "DATE")))


def _connect(working: Path, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(working / "reading.duckdb"),
        config={"threads": threads, "memory_limit": memory, "temp_directory": str(working)},
    )
    connection.execute("SET TimeZone = 'UTC'")  # for times without a zone
    connection.execute("SET enable_progress_bar = false")  # the build shows its own
    # The min/max statistics of a Parquet file ignore NaN, from which DuckDB would conclude that there is none.
    connection.execute("SET disabled_optimizers = 'statistics_propagation'")
    return connection


def _opened(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Parts], working: Path) -> dict[str, Opened]:
    sources = {  # check all tables before reading any
        table.name: inspect(connection, table, files[table.name], working) for table in TABLES if table.name in files
    }
    return {name: loaded(connection, source, working) for name, source in sources.items()}


def _with_events(connection: duckdb.DuckDBPyConnection, found: InputFiles, working: Path) -> Mapping[str, Parts]:
    """Return the files of the tables, and as their last parts what events say."""
    if not found.events:
        return found.tables
    written = write_tables(connection, found.events, working)
    return {**found.tables, **{name: (*found.tables.get(name, ()), path) for name, path in written.items()}}


def _check_pages(report: Report, path: Path) -> None:
    pages = report.tables["pages"]
    if pages.kept == 0:
        reasons = ", ".join(f"{reason}: {rows.count}" for reason, rows in pages.rejected.items())
        first = next((rows.examples[0] for rows in pages.rejected.values()), "the file has no rows")
        notes = "".join(f"; {note}" for note in pages.notes)
        raise InputError(f"{path}: none of {pages.read} rows is a valid page ({reasons or 'empty'}): {first}{notes}")


def _write_pages(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    with pq.ParquetWriter(path, PAGES, compression="zstd") as writer:
        for batch in connection.sql(_PAGES).to_arrow_reader(_PAGES_AT_ONCE):
            writer.write_batch(describe(batch))


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, path: Path) -> None:
    connection.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
