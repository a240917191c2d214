"""A snapshot: the recall half as it stood before a day of the label window, on the path that serving takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cascade.deadline import Deadline
from cascade.executor import Cascade, RecallStep
from cascade.trace import Trace
from cascade.types import Candidates, Hydrator, Query, RecallPath
from configs.threads import used
from pipeline.log.as_of import MovingTable, pages_as_of
from pipeline.log.label_days import LabelDay
from pipeline.log.split import PAST
from pipeline.pages.encoder import text_settings
from pipeline.recall_steps import AsOf, as_of, made_in
from pipeline.runner.work import Work
from ranking.filters import standard
from ranking.hydrate import PageFacts, PageLookup
from ranking.select import Select
from recall.merge import merge
from recall.path_spec import PathSpec
from recall.paths import ALL_PATHS, PATHS, open_recall
from store.tables import LmdbTable, Table
from text_model.tokens import PageTokenizer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Recall, merge and filters over past tables, and the similarity hydrators that features need."""

    cascade: Cascade
    similarities: tuple[Hydrator, ...]
    native: ThreadPoolExecutor
    tokenizer: PageTokenizer
    _work: Work
    _tables: Mapping[str, MovingTable]
    _past: Mapping[str, LmdbTable]
    _as_of: Mapping[str, AsOf]  # of the recall paths' tables that count the log

    def counted(self, day: LabelDay, pages: Iterable[int]) -> Mapping[str, Table]:
        """Return the tables with the counts before a day of the label window; `pages` are those that will be requested.

        CF, the towers and Q' stay as of the window's beginning: they draw on more than counts.
        """
        if day.name == PAST:
            return {}
        counted = {name: made(self._work, day, pages) for name, made in self._as_of.items()}
        return {"pages": pages_as_of(self._work, self._past["pages"], day), **counted}

    def move_to(self, counted: Mapping[str, Table]) -> None:
        """Read these tables, and the window's beginning of all others."""
        for name, table in self._tables.items():
            table.table = counted.get(name, self._past[name])

    async def candidates(self, query: Query) -> tuple[Query, Candidates]:
        """Return a page's candidates with every column that the features read, in order of PageId."""
        query, candidates = await self.cascade.candidates(query, Deadline.never(), Trace())
        for hydrator in self.similarities:
            candidates = await hydrator.hydrate(query, candidates)
        return query, candidates


@contextmanager
def snapshot(work: Work, extra: tuple[RecallPath, ...] = ()) -> Iterator[Snapshot]:
    """Open the past snapshot; `extra` paths bring candidates that only training knows."""
    files = [work.of("pages") / PAST / "pages.lmdb"]
    files += [_directory(work, path) / f"{path.name}.lmdb" for path in ALL_PATHS if path.table]
    past = {file.stem: LmdbTable(file) for file in files}
    tables = {name: MovingTable(name, table) for name, table in past.items()}
    tokenizer = PageTokenizer(work.of("text") / "tokenizer.json", text_settings(work).tokens_per_page)
    with ThreadPoolExecutor(2, "native") as native:
        threads = {path.name: native for path in ALL_PATHS}
        recall = open_recall(partial(_directory, work), tables, tokenizer, threads, native, used())
        limits = {path.name: path.limit for path in PATHS}
        steps = [RecallStep(path, limits.get(path.name, 1 << 16), math.inf) for path in (*recall.paths, *extra)]
        cascade = Cascade(
            trigger=PageLookup(tables["pages"], tokenizer),
            recall=steps,
            fallback=RecallStep(recall.fallback, 0, math.inf),  # a page that recall knows nothing of teaches nothing
            merge=merge,
            hydrate=PageFacts(tables["pages"]),
            filters=standard(),
            stages=(),
            select=Select(),
            native=native,
        )
        counted = {path.name: made for path in PATHS if (made := as_of(path)) is not None}
        yield Snapshot(cascade, recall.similarities, native, tokenizer, work, tables, past, counted)
    for table in past.values():
        table.close()


def _directory(work: Work, path: PathSpec) -> Path:
    return made_in(path, work.of(path.name), PAST)


def query_of(page: int) -> Query:
    """Return the query of a known page; its URL is not needed where tables know it."""
    return Query(url="https://known.invalid/", page=page)
