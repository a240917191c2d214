"""The step that builds the `coclick` table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from configs.threads import used
from corpus.log.engine import connect, running, write
from corpus.log.pair_counts import pair_evidence
from pipeline.log.split import SNAPSHOTS
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.coclick import build as coclick
from recall.coclick.config import CoclickConfig
from store.tables import RowsInMemory, Table, write_table

if TYPE_CHECKING:
    from pipeline.log.label_days import LabelDay


def coclicks(work: Work) -> dict[str, object]:
    """Write the `coclick` table."""
    config = work.config.engine
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        rows = out / "rows.parquet"
        with running(config.name, used(), config.memory, out) as engine:
            counted = work.of("counts") / name
            evidence, flow = (
                engine.read_parquet(str(counted / f"{table}.parquet")) for table in ("evidence", "page_flow")
            )
            neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
            write(engine, coclick.neighbour_rows(evidence, neighbours, flow, work.config.section(CoclickConfig)), rows)
        batches = pq.ParquetFile(rows).iter_batches()
        figures[f"{name}_pages"] = write_table(out / "coclick.lmdb", coclick.pack_rows(batches))
        rows.unlink()
    return figures


STEP = Step("coclick", coclicks, after=("read", "counts", "text"), config=("coclick", "engine.name"), seeded=False)


def as_of(work: Work, day: LabelDay, pages: Iterable[int]) -> Table:
    """Return the rows of `pages` in the `coclick` table, made as serving's are, from what was counted before a day."""
    return RowsInMemory("coclick", dict(_rows_as_of(work, day, pa.array(sorted(set(pages)), pa.uint64()))))


def _rows_as_of(work: Work, day: LabelDay, pages: pa.Array) -> Iterator[tuple[int, bytes]]:
    evidence, rows = (work.directory / f"{name}.parquet" for name in ("evidence", "coclick_rows"))
    # Few pages per day: DuckDB gives the same rows, and starting a Spark session per day would take longer.
    engine = connect(threads=used(), memory=work.config.engine.memory)
    clicks, shows, flow = (
        engine.read_parquet(str(work.of("counts") / day.name / f"{name}.parquet"))
        for name in ("click_pairs", "impression_pairs", "page_flow")
    )
    neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
    asked = ibis.memtable(pa.table({"page": pages}))
    lenders = neighbours.semi_join(asked, "page").select(page=_.neighbour).distinct()  # itself included
    write(engine, pair_evidence(clicks, shows, lenders), evidence)
    config, counted = work.config.section(CoclickConfig), engine.read_parquet(str(evidence))
    write(engine, coclick.neighbour_rows(counted, neighbours, flow, config, asked), rows)
    yield from coclick.pack_rows(pq.ParquetFile(rows).iter_batches())
    for path in (evidence, rows):
        path.unlink()
