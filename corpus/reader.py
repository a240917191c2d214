"""Reads the input tables: checks every row, gives URLs their PageId, writes the tables that the build works on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from corpus.identity import merge_spellings, number_urls, settle
from corpus.page_facts import PAGES, describe
from corpus.report import Report
from corpus.scan import Source, load, quoted
from corpus.schema import TABLES, InputError
from corpus.sources import check_files, find, inspect
from corpus.staging import stage, stage_nothing
from corpus.tally import tally, write_rejected
from corpus.url_rules import RULES, UrlRules

_PAGES_AT_ONCE = 8192

_PAGES = """
    SELECT url_page AS page, url_url AS url, title, coalesce(snippet, '') AS snippet,
        coalesce(language, '') AS language, coalesce(body, '') AS body, published
    FROM kept_pages ORDER BY page"""

#: What the other tables' rows become.
_WRITTEN = {
    "clicks": """
        SELECT session, url_page AS page, time, dwell_s::FLOAT AS dwell_s,
            (row_number() OVER (PARTITION BY session ORDER BY time, ordinal) - 1)::INTEGER AS step
        FROM kept_clicks ORDER BY session, time, ordinal""",
    "impressions": """
        SELECT impression, time, url1_page AS page1, url2_page AS page2, position, clicked,
            dwell_s::FLOAT AS dwell_s, coalesce(random, false) AS random
        FROM kept_impressions ORDER BY time, impression, position, ordinal""",
    "labels": """
        SELECT url1_page AS page1, url2_page AS page2, quality::FLOAT AS quality, coalesce(source, '') AS source
        FROM kept_labels ORDER BY page1, page2, ordinal""",
}


def read(
    data: Path | Mapping[str, Path],
    out: Path,
    until: datetime | None = None,
    rules: UrlRules = RULES,
) -> Report:
    """Read pages, clicks, impressions and labels into Parquet files in `out`; return what became of the rows.

    `data` is a directory, or a file for each table. Rows whose time is not before `until` (UTC when naive) are
    left out. URLs are spelt by `rules`; one that no page has is the only page at its address. A table that was not
    given is written without rows. Every rejected row goes to `rejected.jsonl`.
    Raises InputError, before any work, when a file or a column is missing or wrong; and when no page is left.
    """
    files = find(data) if isinstance(data, Path) else dict(data)
    check_files(files)
    out.mkdir(parents=True, exist_ok=True)
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    with (
        tempfile.TemporaryDirectory(prefix=".reading-", dir=out) as working,
        closing(_connect(Path(working))) as connection,
    ):
        sources = _opened(connection, files)
        number_urls(connection, sources.values(), rules)
        for table in TABLES:
            if table.name not in sources:
                stage_nothing(connection, table)
                continue
            with _named(files[table.name]):
                stage(connection, sources[table.name], until)
            if table.name == "pages":
                merge_spellings(connection)
                settle(connection)
        report = tally(connection, sources.values())
        _check_pages(report, files["pages"])
        _write_pages(connection, out / "pages.parquet")
        for name, rows in _WRITTEN.items():
            _copy(connection, rows, out / f"{name}.parquet")
        write_rejected(connection, sources.values(), out / "rejected.jsonl")
    return report


def _connect(working: Path, threads: int = 2, memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        str(working / "reading.duckdb"),
        config={"threads": threads, "memory_limit": memory, "temp_directory": str(working)},
    )
    connection.execute("SET TimeZone = 'UTC'")  # of a time without a zone
    return connection


def _opened(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Path]) -> dict[str, Source]:
    sources = {}
    for table in TABLES:  # all are checked before the first is read
        if table.name in files:
            with _named(files[table.name]):
                sources[table.name] = inspect(connection, table, files[table.name])
    for source in sources.values():
        with _named(source.path):
            load(connection, source)
    return sources


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file could not be read."""
    try:
        yield
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} could not be read: {reason}: write the file again") from error


def _check_pages(report: Report, path: Path) -> None:
    pages = report.tables["pages"]
    if pages.kept == 0:
        reasons = ", ".join(f"{reason}: {rows.count}" for reason, rows in pages.rejected.items())
        first = next((rows.examples[0] for rows in pages.rejected.values()), "the file holds no rows")
        raise InputError(f"{path}: no page is left of {pages.read} ({reasons or 'empty'}): {first}")


def _write_pages(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    with pq.ParquetWriter(path, PAGES, compression="zstd") as writer:
        for batch in connection.sql(_PAGES).to_arrow_reader(_PAGES_AT_ONCE):
            writer.write_batch(describe(batch))


def _copy(connection: duckdb.DuckDBPyConnection, rows: str, path: Path) -> None:
    connection.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
