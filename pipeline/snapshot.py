"""A snapshot: the recall half as it stood before the label window, on the path that serving takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from cascade.deadline import Deadline
from cascade.run import Cascade, RecallStep
from cascade.trace import Trace
from cascade.types import Candidates, Hydrator, Query, RecallPath
from pipeline.log import PAST
from pipeline.work import Work
from ranking.filters import standard
from ranking.hydrate import PageFacts, PageLookup
from ranking.select import Select
from recall import LIMITS
from recall.merge import merge
from recall.paths import open_recall
from store.tables import LmdbTable
from text_model.tokens import PageTokenizer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Recall, merge and filters over past tables, and the similarity hydrators that features need."""

    cascade: Cascade
    similarities: tuple[Hydrator, ...]
    native: ThreadPoolExecutor
    tokenizer: PageTokenizer

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
        recall = open_recall(
            directories, tables.__getitem__, tokenizer, dict.fromkeys((*directories, "ranking"), native), threads=2
        )
        steps = [RecallStep(path, LIMITS.get(path.name, 1 << 16), math.inf) for path in (*recall.paths, *extra)]
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
        yield Snapshot(cascade, recall.similarities, native, tokenizer)
    for table in tables.values():
        table.close()


def query_of(page: int) -> Query:
    """Return the query of a known page; its URL is not needed where tables know it."""
    return Query(url="https://known.invalid/", page=page)
