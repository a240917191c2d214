"""The past snapshot as of a day in the label window: tables whose counts end when that day begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _
from numpy.typing import NDArray

from corpus.engine import connect, write
from corpus.evidence import pair_evidence
from pipeline.log.label_days import LabelDay
from pipeline.log.page_counts import set_counts
from pipeline.log.split import PAST
from pipeline.runner.work import Work
from recall.coclick import build as coclick
from store.page_row import FACTS
from store.tables import Table


@dataclass(slots=True)
class MovingTable:
    """A table that can be swapped while a cascade reads it."""

    name: str
    table: Table

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None where there is none."""
        return await self.table.get_many(keys)


@dataclass(slots=True)
class _PagesAsOf:
    """The `pages` table with replaced facts at the start of its rows."""

    past: Table
    facts: NDArray[np.void]  # in order of PageId
    name: str = "pages"

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        rows = await self.past.get_many(keys)
        places = np.searchsorted(self.facts["page"], keys).tolist()
        return [
            None if row is None else self.facts[place].tobytes() + row[FACTS.itemsize :]
            for row, place in zip(rows, places, strict=True)
        ]


@dataclass(slots=True)
class _Rows:
    """A table in memory."""

    name: str
    rows: dict[int, bytes]

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys.tolist()]


def pages_as_of(work: Work, past: Table, day: LabelDay) -> Table:
    """Return the `pages` table with the counts from before a day."""
    facts = np.load(work.of("pages") / PAST / "facts.npy")
    set_counts(facts, work.of("counts") / day.name)
    return _PagesAsOf(past, facts)


def coclick_as_of(work: Work, day: LabelDay, pages: Iterable[int]) -> Table:
    """Return the rows of `pages` in the `coclick` table, made like the served ones from counts before a day."""
    return _Rows("coclick", dict(_coclick_rows(work, day, pa.array(sorted(set(pages)), pa.uint64()))))


def _coclick_rows(work: Work, day: LabelDay, pages: pa.Array) -> Iterator[tuple[int, bytes]]:
    config, evidence, rows = work.config, *(work.directory / f"{name}.parquet" for name in ("evidence", "coclick_rows"))
    # DuckDB on Spark builds too: these are few pages per day, and starting a Spark session would take longer.
    engine = connect(threads=config.engine.threads, memory=config.engine.memory)
    clicks, shows, flow = (
        engine.read_parquet(str(work.of("counts") / day.name / f"{name}.parquet"))
        for name in ("click_pairs", "impression_pairs", "page_flow")
    )
    neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
    asked = ibis.memtable(pa.table({"page": pages}))
    neighbour_pages = neighbours.semi_join(asked, "page").select(page=_.neighbour).distinct()  # and the pages
    write(engine, pair_evidence(clicks, shows, neighbour_pages), evidence)
    made = coclick.neighbour_rows(engine.read_parquet(str(evidence)), neighbours, flow, config.coclick, asked)
    write(engine, made, rows)
    yield from coclick.pack_rows(pq.ParquetFile(rows).iter_batches())
    for path in (evidence, rows):
        path.unlink()
