"""A snapshot: the recall half as it stood before a day of the label window, on the path that serving takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from cascade.deadline import Deadline
from cascade.executor import Cascade, RecallStep
from cascade.trace import Trace
from cascade.types import Candidates, Hydrator, Query, RecallPath
from pipeline.log.as_of import MovingTable, coclick_as_of, pages_as_of
from pipeline.log.label_days import LabelDay
from pipeline.log.split import PAST
from pipeline.runner.work import Work
from ranking.filters import standard
from ranking.hydrate import PageFacts, PageLookup
from ranking.select import Select
from recall import LIMITS
from recall.merge import merge
from recall.paths import open_recall
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
    _past: Mapping[str, LmdbTable]
    _moving: Mapping[str, MovingTable]

    def move_to(self, day: LabelDay, pages: Iterable[int]) -> None:
        """Let counts end where a day of the label window begins; `pages` are those that will be asked for.

        CF, the towers and Q' stay as of the window's beginning: they draw on more than counts.
        """
        for name, moving in self._moving.items():
            moving.table = self._past[name]
        if day.name != PAST:
            self._moving["pages"].table = pages_as_of(self._work, self._past["pages"], day)
            self._moving["coclick"].table = coclick_as_of(self._work, day, pages)

    async def candidates(self, query: Query) -> tuple[Query, Candidates]:
        """Return a page's candidates with every column that the features read, in order of PageId."""
        query, candidates = await self.cascade.candidates(query, Deadline.never(), Trace())
        for hydrator in self.similarities:
            candidates = await hydrator.hydrate(query, candidates)
        return query, candidates


@contextmanager
def snapshot(work: Work, extra: tuple[RecallPath, ...] = ()) -> Iterator[Snapshot]:
    """Open the past snapshot; `extra` paths bring candidates that only training knows."""
    tables = {
        name: LmdbTable(path)
        for name, path in {
            "pages": work.of("pages") / PAST / "pages.lmdb",
            "popular": work.of("pages") / PAST / "popular.lmdb",
            "coclick": work.of("coclick") / PAST / "coclick.lmdb",
            "qprime": work.of("qprime") / "qprime.lmdb",
        }.items()
    }
    tokenizer = PageTokenizer(work.of("text") / "tokenizer.json", work.config.text.tokens_per_page)
    with ThreadPoolExecutor(2, "native") as native:
        directories = {"cf": work.of("cf") / PAST, "two_tower": work.of("two_tower")}
        moving = {name: MovingTable(name, tables[name]) for name in ("pages", "coclick")}
        read: dict[str, Table] = {**dict[str, Table](tables), **dict[str, Table](moving)}
        recall = open_recall(
            directories, read.__getitem__, tokenizer, dict.fromkeys((*directories, "ranking"), native), threads=2
        )
        steps = [RecallStep(path, LIMITS.get(path.name, 1 << 16), math.inf) for path in (*recall.paths, *extra)]
        cascade = Cascade(
            trigger=PageLookup(read["pages"], tokenizer),
            recall=steps,
            fallback=RecallStep(recall.fallback, 0, math.inf),  # a page that recall knows nothing of teaches nothing
            merge=merge,
            hydrate=PageFacts(read["pages"]),
            filters=standard(),
            stages=(),
            select=Select(),
            native=native,
        )
        yield Snapshot(cascade, recall.similarities, native, tokenizer, work, tables, moving)
    for table in tables.values():
        table.close()


def query_of(page: int) -> Query:
    """Return the query of a known page; its URL is not needed where tables know it."""
    return Query(url="https://known.invalid/", page=page)
