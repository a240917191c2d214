"""The step that counts the log: pages, and pairs of pages."""

from __future__ import annotations

from datetime import datetime

import pyarrow.parquet as pq

from corpus import counts
from corpus.engine import connect, write
from pipeline.log import ALL, PAST, split_of
from pipeline.work import Work
from recall.coclick import build as coclick


def count(work: Work) -> dict[str, object]:
    """Count pages and pairs before the label window and over the whole log."""
    config, read_ = work.config, work.of("read")
    split = split_of(work)
    engine = connect(config.engine.name, threads=config.engine.threads, memory=config.engine.memory)
    clicks = engine.read_parquet(str(read_ / "clicks.parquet"))
    impressions = engine.read_parquet(str(read_ / "impressions.parquet"))
    figures: dict[str, object] = {}
    for name, end in ((PAST, split.get("labels_from")), (ALL, split.get("end"))):
        out = work.directory / name
        out.mkdir()
        end = end or datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        write(engine, counts.click_pairs(clicks, end, config.reach), out / "click_pairs.parquet")
        write(engine, counts.impression_pairs(impressions, end), out / "impression_pairs.parquet")
        pairs = engine.read_parquet(str(out / "click_pairs.parquet"))
        shows = engine.read_parquet(str(out / "impression_pairs.parquet"))
        write(engine, counts.page_clicks(clicks, end), out / "page_clicks.parquet")
        write(engine, counts.page_flow(pairs), out / "page_flow.parquet")
        write(engine, counts.page_shows(shows), out / "page_shows.parquet")
        # In an order of its own, which joins do not keep: the towers and the judge draw rows by their number.
        evidence = coclick.pair_evidence(pairs, shows).order_by("page1", "page2")
        write(engine, evidence, out / "evidence.parquet")
        figures[f"{name}_pairs"] = pq.ParquetFile(out / "evidence.parquet").metadata.num_rows
    return figures
