"""The step that counts the log: pages, and pairs of pages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow.parquet as pq

from corpus import counts
from corpus.engine import Engine, running, write
from pipeline.log import ALL, PAST, split_of
from pipeline.work import Work
from recall.coclick import build as coclick


def count(work: Work) -> dict[str, object]:
    """Count pages and pairs before the label window and over the whole log."""
    split, config = split_of(work), work.config.engine
    figures: dict[str, object] = {}
    with running(config.name, config.threads, config.memory, work.directory) as engine:
        clicks, impressions = (
            engine.read_parquet(str(work.of("read") / f"{name}.parquet")) for name in ("clicks", "impressions")
        )
        for name, end in ((PAST, split.get("labels_from")), (ALL, split.get("end"))):
            out = work.directory / name
            out.mkdir()
            end = end or datetime.fromisoformat("1970-01-01T00:00:00+00:00")
            _count(engine, clicks, impressions, end, work.config.reach, out)
            figures[f"{name}_pairs"] = pq.ParquetFile(out / "evidence.parquet").metadata.num_rows
    return figures


def _count(
    engine: Engine, clicks: ir.Table, impressions: ir.Table, end: datetime, reach: counts.Reach, out: Path
) -> None:
    """Write the counts of what came before `end`."""
    write(engine, counts.click_pairs(clicks, end, reach), out / "click_pairs.parquet")
    write(engine, counts.impression_pairs(impressions, end), out / "impression_pairs.parquet")
    pairs = engine.read_parquet(str(out / "click_pairs.parquet"))
    shows = engine.read_parquet(str(out / "impression_pairs.parquet"))
    write(engine, counts.page_clicks(clicks, end), out / "page_clicks.parquet")
    write(engine, counts.page_flow(pairs), out / "page_flow.parquet")
    write(engine, counts.page_shows(shows), out / "page_shows.parquet")
    # In an order of its own, which joins do not keep: the towers and the judge draw rows by their number.
    evidence = coclick.pair_evidence(pairs, shows).order_by("page1", "page2")
    write(engine, evidence, out / "evidence.parquet")
