"""The step that builds the `coclick` table."""

from __future__ import annotations

import pyarrow.parquet as pq

from corpus.engine import running, write
from pipeline.log.split import SNAPSHOTS
from pipeline.runner.work import Work
from recall.coclick import build as coclick
from store.tables import write_table


def coclicks(work: Work) -> dict[str, object]:
    """Write the `coclick` table."""
    config = work.config.engine
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        rows = out / "rows.parquet"
        with running(config.name, config.threads, config.memory, out) as engine:
            counted = work.of("counts") / name
            evidence, flow = (
                engine.read_parquet(str(counted / f"{table}.parquet")) for table in ("evidence", "page_flow")
            )
            neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
            write(engine, coclick.neighbour_rows(evidence, neighbours, flow, work.config.coclick), rows)
        batches = pq.ParquetFile(rows).iter_batches()
        figures[f"{name}_pages"] = write_table(out / "coclick.lmdb", coclick.pack_rows(batches))
        rows.unlink()
    return figures
