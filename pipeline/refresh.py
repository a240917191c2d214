"""Refreshes Q' without a build: rebuilds rows that are old or incomplete, and adds rows for unknown pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from redis import Redis

from configs.reading import SettingsError
from corpus.tables.page_facts import PAGES, describe
from pipeline.config import BuildConfig
from pipeline.labels.student_judge import StudentJudge
from pipeline.pages.page_tokens import page_tokens
from pipeline.republish import republish
from pipeline.runner.work import Work
from recall.qprime.row import HEAD, day_of
from recall.qprime.search_results import PageFacts
from recall.qprime.step import QUERIES, judge_of, rows_of
from store.addresses import open_addresses
from store.bundle import Bundle, Opens
from store.tables import LmdbTable, key_prefix, write_table
from store.unknown_pages import UnknownPage

TABLE = "qprime"
_FILE = f"tables/{TABLE}.lmdb"
_AT_ONCE = 2_000  # rows per Redis pipeline
_NO_ROW = -1

T = TypeVar("T")


class Rows(Protocol):
    """The place of the rows that a gateway reads."""

    def days(self, pages: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the day of each page's row, -1 where there is none."""
        ...

    def replace(self, renewed: LmdbTable) -> str:
        """Replace the rows; return the name of the bundle that now holds them."""
        ...


class BundleRows:
    """The rows of the current bundle: renewed ones go into a new bundle, which shares all other files."""

    def __init__(self, bundles: Path, bundle: Bundle, opens: Opens | None = None) -> None:
        """Publish a new bundle only once `opens` has opened it."""
        self._bundles = bundles
        self._bundle = bundle
        self._opens = opens

    def days(self, pages: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the day of each page's row, -1 where there is none."""
        table = LmdbTable(self._bundle.file(_FILE))
        try:
            return np.array([_NO_ROW if row is None else day_of(row) for row in table.read(pages)], np.int64)
        finally:
            table.close()

    def replace(self, renewed: LmdbTable) -> str:
        """Publish a bundle with the renewed rows; copy them to the work directory for the next build."""
        old = LmdbTable(self._bundle.file(_FILE))
        try:
            return republish(
                self._bundles, self._bundle, TABLE, lambda path: write_table(path, _merged(old, renewed)), self._opens
            )
        finally:
            old.close()


class RedisRows:
    """The rows of a bundle in Redis, replaced while gateways read them."""

    def __init__(self, client: Redis, bundle: Bundle) -> None:
        self._client = client
        self._bundle = bundle.name
        self._prefix = key_prefix(bundle.name, TABLE)

    def days(self, pages: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the day of each page's row, -1 where there is none."""
        found: list[int] = []
        for part in _parts(pages.tolist()):
            pipeline = self._client.pipeline(transaction=False)
            for page in part:
                pipeline.getrange(self._key(page), 0, HEAD - 1)
            found += [day_of(head) if head else _NO_ROW for head in pipeline.execute()]
        return np.array(found, np.int64)

    def replace(self, renewed: LmdbTable) -> str:
        """Set the renewed rows, a few thousand per round trip."""
        for part in _parts(renewed.items()):
            pipeline = self._client.pipeline(transaction=False)
            for page, row in part:
                pipeline.set(self._key(page), row)
            pipeline.execute()
        return self._bundle

    def _key(self, page: int) -> str:
        return cast("str", self._prefix + page.to_bytes(8, "big"))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of a refresh."""

    bundle: str  # the one that now holds the rows
    due: int  # pages whose row was old, incomplete or missing
    unknown: frozenset[int]  # pages in no table that now have a row
    settled: frozenset[int]  # waiting pages that are done: they now have a row, or a table has them
    renewed: int
    kept: int  # pages that keep their old row because a query could not be written or searched
    figures: Mapping[str, object]


def refresh_qprime(
    bundles: Path, bundle: Bundle, rows: Rows, oldest: int, unknown: Mapping[int, UnknownPage] | None = None
) -> Refreshed:
    """Rebuild rows that are older than the day `oldest`, incomplete or missing, and rows of `unknown` pages.

    Reads the finished steps under `bundles`/work. A page with any failure keeps its row, if it has one.
    Raises SettingsError if the bundle was not built there.
    """
    work, waiting = _work_of(bundles, bundle), unknown or {}
    unknown = _still_unknown(bundle, waiting)
    with tempfile.TemporaryDirectory(dir=bundles, prefix=".refresh-") as directory:
        due_file = Path(directory) / "due.parquet"
        days, unknown_pages = _write_due(work, rows, oldest, unknown, due_file)
        figures: dict[str, object] = {}
        facts = PageFacts.of(work.of("read") / "pages.parquet").joined(PageFacts.of(unknown_pages))
        built = rows_of(work, due_file, Path(directory), _Judge(work, unknown_pages), figures, facts)
        keep = (one for one in built if one.complete or days.get(one.page, _NO_ROW) == _NO_ROW)
        renewed_file = Path(directory) / f"{TABLE}.lmdb"
        renewed = write_table(renewed_file, ((one.page, one.row) for one in keep))
        table = LmdbTable(renewed_file)
        name = rows.replace(table) if renewed else bundle.name
        has_row = np.array([row is not None for row in table.read(unknown_pages["page"].to_numpy())], bool)
        table.close()
    answered = frozenset(unknown_pages["page"].to_numpy()[has_row].tolist())
    due = len(days) + len(unknown_pages)
    waits = frozenset(unknown_pages["page"].to_pylist()) - answered
    settled = frozenset(waiting) - waits
    return Refreshed(name, due, answered, settled, renewed, due - renewed, figures)


def _still_unknown(bundle: Bundle, unknown: Mapping[int, UnknownPage]) -> dict[int, UnknownPage]:
    """Return the pages that are still unknown: the addresses of the others now belong to known pages."""
    addresses = open_addresses(bundle)
    try:
        return {page: words for page, words in unknown.items() if addresses.page(words.url) == page}
    finally:
        addresses.close()


def _work_of(bundles: Path, bundle: Bundle) -> Work:
    work = Work(BuildConfig.model_validate(bundle.manifest.config), bundles / "work" / TABLE, bundles / "work")
    if not (work.of("read") / "pages.parquet").is_file() or not (work.of(TABLE) / QUERIES).is_file():
        raise SettingsError(f"{bundles} has no finished steps of {bundle.name}: refresh where it was built")
    return work


def _write_due(
    work: Work, rows: Rows, oldest: int, unknown: Mapping[int, UnknownPage], path: Path
) -> tuple[dict[int, int], pa.Table]:
    """Write the due pages; return the day of each one's row, and the facts of the unknown ones."""
    days: dict[int, int] = {}
    source = pq.ParquetFile(work.of("read") / "pages.parquet")
    known: set[int] = set()
    with pq.ParquetWriter(path, PAGES) as file:
        for batch in source.iter_batches():
            pages = batch["page"].to_numpy()
            known |= unknown.keys() & set(pages.tolist())
            row_days = rows.days(pages)
            late = row_days < oldest
            days |= dict(zip(pages[late].tolist(), row_days[late].tolist(), strict=True))
            file.write_batch(batch.filter(pa.array(late)))
        unknown_pages = _described({page: words for page, words in unknown.items() if page not in known})
        late = rows.days(unknown_pages["page"].to_numpy()) < oldest
        unknown_pages = unknown_pages.filter(pa.array(late))
        file.write_table(unknown_pages)
    return days, unknown_pages


def _described(unknown: Mapping[int, UnknownPage]) -> pa.Table:
    """Return unknown pages with the columns of the page table."""
    words = {name: [getattr(page, name) for page in unknown.values()] for name in UnknownPage._fields}
    times = {name: [None] * len(unknown) for name in ("published", "valid_until")}
    columns = {"page": list(unknown), **words, "body": [""] * len(unknown), **times}
    schema = pa.schema([PAGES.field(name) for name in columns])
    batch = pa.RecordBatch.from_pydict(columns, schema=schema)
    return pa.Table.from_batches([describe(batch)], PAGES)


class _Judge:
    """The judge of the build; the student judges pages that the build did not read."""

    def __init__(self, work: Work, unknown_pages: pa.Table) -> None:
        self._unknown = unknown_pages["page"].to_numpy()
        words = (unknown_pages[name].to_pylist() for name in ("url", "title", "snippet"))
        tokens, _ = page_tokens(work).tokenizer.encode(*words)
        self._student = StudentJudge(work, dict(zip(self._unknown.tolist(), tokens, strict=True)))
        self._known = judge_of(work)

    def __call__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        quality = np.empty(len(page1), np.float32)
        is_unknown = np.isin(page1, self._unknown)
        for judge, rows in ((self._student, is_unknown), (self._known, ~is_unknown)):
            if rows.any():
                quality[rows] = judge(page1[rows], page2[rows])
        return quality


def _merged(old: LmdbTable, renewed: LmdbTable) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of both; the renewed row wins."""
    for part in _parts(old.items()):
        newer = renewed.read(np.array([page for page, _ in part], np.uint64))
        yield from (item for item, new in zip(part, newer, strict=True) if new is None)
    yield from renewed.items()


def _parts(of: Iterable[T]) -> Iterator[list[T]]:
    items = iter(of)
    while part := list(islice(items, _AT_ONCE)):
        yield part
