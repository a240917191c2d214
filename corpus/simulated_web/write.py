"""Writes a simulated web as input tables, in chunks: `onward simulate`.

In addition to pages, clicks, impressions and labels it writes two files only for evaluation: `truth.parquet`, the true
quality of every shown pair, and `web.parquet`, each page's numbers, from which the quality of any pair can be computed.
The same arguments give the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.simulated_web import judge, truth
from corpus.simulated_web.model import MODEL, WebModel
from corpus.simulated_web.pages import Index, Web, grow
from corpus.simulated_web.readers import Readers
from corpus.simulated_web.text import page_table, repeated_urls, urls

END = datetime(2026, 9, 1, tzinfo=UTC)
_CHUNK = 20_000  # pages or sessions in memory as text
_TIME = pa.timestamp("us", "UTC")
_SECONDS_PER_DAY = 86_400
_VISITED = ["session", "url"]  # columns with repeated values
_SHOWN = ["impression", "time", "url1", "url2", "position"]
_JUDGED = ["url1", "url2", "source"]


@dataclass(slots=True)
class Summary:
    """The number of rows written."""

    pages: int = 0
    clicks: int = 0
    impressions: int = 0  # rows: pages shown
    labels: int = 0
    truth: int = 0


def write(out: Path, pages: int, sessions: int, seed: int = 0, model: WebModel = MODEL) -> Summary:
    """Write a web of `pages` pages and a log of `sessions` sessions to `out`. Raises ValueError for too few pages."""
    web = grow(pages, seed, model)
    readers = Readers(web)
    out.mkdir(parents=True, exist_ok=True)
    summary = Summary(pages=pages)
    with _Table(out / "pages.parquet", ["language"]) as table:
        for part in chunks(pages):
            table.write(page_table(web, part))
    shown = _write_log(web, readers, sessions, out, summary)
    _write_judged(web, readers, shown, out, summary)
    truth.write(web, urls, out / truth.PAGES)
    return summary


def chunks(count: int) -> Iterator[Index]:
    """Yield 0 to count - 1 in chunks."""
    for start in range(0, count, _CHUNK):
        yield np.arange(start, min(start + _CHUNK, count))


def _write_log(web: Web, readers: Readers, sessions: int, out: Path, summary: Summary) -> NDArray[np.uint32]:
    """Write clicks and impressions; return a bit set per page: which slots of its list were ever shown."""
    shown = np.zeros(len(web), np.uint32)
    tables = _Table(out / "clicks.parquet", _VISITED), _Table(out / "impressions.parquet", _SHOWN)
    with tables[0] as clicks, tables[1] as impressions:
        for number, part in enumerate(chunks(sessions)):
            rng = np.random.default_rng([web.seed, 1, number])
            session, page = readers.sessions(len(part), rng)
            time, dwell = _times(session, web.model, rng)
            clicks.write(_click_table(web, part[session], page, time, dwell))
            visit = np.flatnonzero((session[:-1] == session[1:]) & (rng.random(len(page) - 1) < web.model.shown_after))
            impressions.write(_impression_table(web, readers, page[visit], time[visit], summary, shown, rng))
            summary.clicks += len(page)
    return shown


def _times(session: Index, model: WebModel, rng: np.random.Generator) -> tuple[Index, NDArray[np.float32]]:
    """Return each visit's start, in microseconds since 1970, and dwell time in seconds."""
    dwell = rng.lognormal(np.log(30.0), 0.8, len(session)).astype(np.float32)
    first = np.flatnonzero(np.r_[True, session[1:] != session[:-1]])
    length = np.diff(np.r_[first, len(session)])
    spent = np.cumsum(dwell, dtype=np.float64) - dwell
    begin = END.timestamp() - _SECONDS_PER_DAY * (rng.random(len(first)) * (model.days - 1) + 1)
    time = np.repeat(begin - spent[first], length) + spent
    return (time * 1e6).astype(np.int64), dwell


def _click_table(web: Web, session: Index, page: Index, time: Index, dwell: NDArray[np.float32]) -> pa.Table:
    url = repeated_urls(web, page)
    return pa.table({"session": session, "url": url, "time": pa.array(time, _TIME), "dwell_s": dwell})


def _impression_table(
    web: Web,
    readers: Readers,
    pages: Index,
    time: Index,
    summary: Summary,
    seen: NDArray[np.uint32],
    rng: np.random.Generator,
) -> pa.Table:
    shown = readers.shown(pages, rng)
    row, place = np.nonzero(shown.page >= 0)
    page2 = shown.page[row, place]
    np.bitwise_or.at(seen, pages[row], np.uint32(1) << shown.slot[row, place].astype(np.uint32))
    first = summary.impressions  # ids stay unique: an impression has at least one row
    summary.impressions += len(row)
    return pa.table(
        {
            "impression": first + row,
            "time": pa.array(time[row] + 1_000_000, _TIME),  # a second after the page was opened
            "url1": repeated_urls(web, pages[row]),
            "url2": repeated_urls(web, page2),
            "position": (place + 1).astype(np.int16),
            "clicked": shown.clicked[row, place],
            "dwell_s": pa.array(shown.dwell_s[row, place], from_pandas=True),  # NaN is null
            "random": shown.random[row],
        }
    )


def _write_judged(web: Web, readers: Readers, shown: NDArray[np.uint32], out: Path, summary: Summary) -> None:
    """Write the true quality of all shown pairs, and the judge's labels of some shown and other pairs."""
    with _Table(out / truth.SHOWN, _JUDGED) as truths, _Table(out / "labels.parquet", _JUDGED) as labels:
        for number, part in enumerate(chunks(len(web))):
            rng = np.random.default_rng([web.seed, 2, number])
            pairs = judge.shown_pairs(readers, shown[part], part)
            truths.write(truth.pair_table(web, repeated_urls, pairs))
            labelled = judge.labels(web, repeated_urls, judge.pairs_to_judge(web, pairs, part, rng), rng)
            labels.write(labelled)
            summary.truth += len(pairs)
            summary.labels += len(labelled)


class _Table:
    """A Parquet file written table by table, with the schema of the first one."""

    def __init__(self, path: Path, repeating: list[str]) -> None:
        """`repeating`: columns with repeated values, to be dictionary-encoded; not worthwhile for others."""
        self._path = path
        self._repeating = repeating
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if self._writer is None:
            # without the Arrow schema a column of repeated strings reads as plain strings
            plain = {"compression": "zstd", "write_statistics": False, "store_schema": False}
            writer = pq.ParquetWriter(self._path, table.schema, use_dictionary=self._repeating, **plain)
            self._writer = self._stack.enter_context(writer)
        self._writer.write_table(table)
