"""The step that builds the `coclick` table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from configs.threads import used
from corpus.log.engine import Engine, connect, running, write
from corpus.log.pair_counts import counted, pair_evidence
from pipeline.log.order import held_out_targets
from pipeline.log.split import EARLIER, SNAPSHOTS
from pipeline.pages.page_ids import page_ids
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.coclick import build as coclick
from recall.coclick.build import Sources
from recall.coclick.config import CoclickConfig
from recall.coclick.weights import fitted, sampled
from store.tables import RowsInMemory, Table, write_table

if TYPE_CHECKING:
    from pipeline.log.label_days import LabelDay

_WEIGHTS, _RATES = "weights.json", "rates.parquet"
_LENT_AT_ONCE = 4_000_000  # rates joined with the pages that borrow them: below 1 GB


def coclicks(work: Work) -> dict[str, object]:
    """Write the `coclick` table."""
    config = work.config.engine
    weights = _fitted_weights(work)
    (work.directory / _WEIGHTS).write_text(json.dumps(weights))
    figures: dict[str, object] = {"weights": {name: round(weight, 3) for name, weight in weights.items()}}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        with running(config.name, used(), config.memory, out) as engine:
            evidence = engine.read_parquet(str(work.of("counts") / name / "evidence.parquet"))
            sources = _sources(engine, work, name, evidence, out)
            rows = _rows_in_parts(engine, work, sources, weights, out)
            figures[f"{name}_pages"] = write_table(out / "coclick.lmdb", rows)
        (out / _RATES).unlink()
    return figures


def _rows_in_parts(
    engine: Engine, work: Work, sources: Sources, weights: dict[str, float], out: Path
) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of all pages, made for so many pages at a time that what they borrow fits into memory."""
    lent = pq.ParquetFile(out / _RATES).metadata.num_rows * work.config.text.neighbours
    ids = out / "pages.parquet"
    for part in np.array_split(page_ids(work), lent // _LENT_AT_ONCE + 1):
        pq.write_table(pa.table({"page": part}), ids)
        yield from _rows(engine, work, sources, weights, engine.read_parquet(str(ids)), out)
    ids.unlink()


def _rows(
    engine: Engine, work: Work, sources: Sources, weights: dict[str, float], asked: ir.Table, out: Path
) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of the pages in `asked` (page)."""
    config, shared, rows = (
        work.config.section(CoclickConfig),
        out / "coclick_shared.parquet",
        out / "coclick_rows.parquet",
    )
    write(engine, coclick.shared_rows(sources, config, asked), shared)
    write(engine, coclick.neighbour_rows(engine.read_parquet(str(shared)), sources.evidence, weights, config), rows)
    yield from coclick.pack_rows(pq.ParquetFile(rows).iter_batches())
    for file in (shared, rows):
        file.unlink()


STEP = Step(
    "coclick",
    coclicks,
    after=("read", "counts", "text", "order"),
    config=("coclick", "engine.name"),
)


def as_of(work: Work, day: LabelDay, pages: Iterable[int]) -> Table:
    """Return the rows of `pages` in the `coclick` table, made as serving's are, from what was counted before a day."""
    return RowsInMemory("coclick", dict(_rows_as_of(work, day, pa.array(sorted(set(pages)), pa.uint64()))))


def _rows_as_of(work: Work, day: LabelDay, pages: pa.Array) -> Iterator[tuple[int, bytes]]:
    weights = json.loads((work.of("coclick") / _WEIGHTS).read_text())
    with _sources_of(work, day.name, pages) as (engine, sources):
        yield from _rows(engine, work, sources, weights, ibis.memtable(pa.table({"page": pages})), work.directory)


def _fitted_weights(work: Work) -> dict[str, float]:
    """Fit the weights of the orders to the last part of the past, with what was counted before it."""
    config = work.config.section(CoclickConfig)
    targets = sampled(held_out_targets(work), config.fitted_pages, work.config.seed)
    with _sources_of(work, EARLIER, pa.array(np.unique(targets["page1"].to_numpy()), pa.uint64())) as (_, sources):
        return fitted(sources, targets, config)


@contextmanager
def _sources_of(work: Work, counts: str, pages: pa.Array) -> Iterator[tuple[Engine, Sources]]:
    """Yield what the rows of some pages are made from, out of a directory of the step `counts`.

    Few pages: DuckDB gives the same rows, and starting a Spark session for each day would take longer.
    """
    engine = connect(threads=used(), memory=work.config.engine.memory)
    neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
    asked = ibis.memtable(pa.table({"page": pages}))
    lenders = neighbours.semi_join(asked, "page").select(page=_.neighbour).distinct()  # itself included
    tables = counted(lambda name: engine.read_parquet(str(work.of("counts") / counts / f"{name}.parquet")))
    path = work.directory / "evidence.parquet"
    write(engine, pair_evidence(tables, lenders), path)
    yield engine, _sources(engine, work, counts, engine.read_parquet(str(path)), work.directory)
    for file in (path, work.directory / _RATES):
        file.unlink()


def _sources(engine: Engine, work: Work, counts: str, evidence: ir.Table, out: Path) -> Sources:
    """Return what rows are made from; the rates are computed once, into a file of the directory `out`."""
    write(engine, coclick.rates(evidence, work.config.section(CoclickConfig)), out / _RATES)
    neighbours, flow, rates = (
        engine.read_parquet(str(path))
        for path in (
            work.of("text") / "neighbours.parquet",
            work.of("counts") / counts / "page_flow.parquet",
            out / _RATES,
        )
    )
    return Sources(evidence, rates, neighbours, flow)
