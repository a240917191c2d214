"""The step that counts the log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from configs.threads import used
from corpus.log import co_visits, counts
from corpus.log.engine import Engine, running, write
from corpus.log.pair_counts import counted, pair_evidence
from pipeline.log.label_days import label_days
from pipeline.log.split import ALL, EARLIER, PAST, SNAPSHOTS, earlier, split_of
from pipeline.log.withheld import withheld_pages
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work

#: Counts that never lack the withheld pages.
WHOLE = (*SNAPSHOTS, EARLIER)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # before any log


def count(work: Work) -> dict[str, object]:
    """Count pages and pairs before each day of the label window, and over the whole log.

    Every other day of the window lacks the withheld pages, so that rankers meet both: the whole past, and new pages.

    Evidence is written for the snapshots only: for a day it is computed later, for the few pages that need it.
    """
    config = work.config.engine
    ends = {day.name: day.begin for day in label_days(work)} or {PAST: _NEVER}
    split = split_of(work)
    ends[ALL] = split.get("end", _NEVER)
    ends[EARLIER] = earlier(split, work.config.examples.label_share) or _NEVER
    hidden, file = withheld_pages(work), work.directory / "withheld.parquet"
    pq.write_table(pa.table({"page": hidden}), file)
    with running(config.name, used(), config.memory, work.directory) as engine:
        withheld = engine.read_parquet(str(file))
        clicks, impressions = (
            engine.read_parquet(str(work.of("read") / f"{name}.parquet")) for name in ("clicks", "impressions")
        )
        with progress("counting", len(ends)) as advance:
            for number, (name, end) in enumerate(ends.items(), start=1):
                out = work.directory / name
                out.mkdir()
                hide = withheld if name not in WHOLE and number % 2 == 0 else None
                _count(engine, *_without(hide, clicks, impressions), end, work.config.reach, out)
                if name in SNAPSHOTS:
                    _write_evidence(engine, out)
                advance(number)
    hides = any(name not in WHOLE for name in ends)  # a window of one day has only the whole past
    figures: dict[str, object] = {"withheld_pages": len(hidden) if hides else 0}
    for name in SNAPSHOTS:
        evidence = work.directory / name / "evidence.parquet"
        figures[f"{name}_pairs"] = pq.ParquetFile(evidence).metadata.num_rows
    return {**figures, "times": len(ends)}


STEP = Step(
    "counts",
    count,
    after=("read",),
    config=(
        "engine.name",
        "examples.days",
        "examples.groups",
        "examples.label_share",
        "examples.most_withheld",
        "reach",
    ),
    seeded=False,
)


def _without(pages: ir.Table | None, clicks: ir.Table, impressions: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return the log without the clicks on some pages, and without impressions on or of them."""
    if pages is None:
        return clicks, impressions
    for column in ("page1", "page2"):
        impressions = impressions.anti_join(pages.select(pages.page.name(column)), column)
    return clicks.anti_join(pages, "page"), impressions


def _count(
    engine: Engine, clicks: ir.Table, impressions: ir.Table, end: datetime, reach: counts.Reach, out: Path
) -> None:
    """Write the counts of rows before `end`."""
    write(engine, counts.click_pairs(clicks, end, reach), out / "click_pairs.parquet")
    write(engine, counts.impression_pairs(impressions, end), out / "impression_pairs.parquet")
    pairs = engine.read_parquet(str(out / "click_pairs.parquet"))
    shows = engine.read_parquet(str(out / "impression_pairs.parquet"))
    write(engine, counts.page_clicks(clicks, end), out / "page_clicks.parquet")
    write(engine, counts.page_flow(pairs), out / "page_flow.parquet")
    write(engine, counts.page_shows(shows), out / "page_shows.parquet")
    _count_co_visits(engine, clicks, end, reach, out)


def _count_co_visits(engine: Engine, clicks: ir.Table, end: datetime, reach: counts.Reach, out: Path) -> None:
    kept = out / "session_pages.parquet"
    write(engine, co_visits.session_pages(clicks, end), kept)
    pages = engine.read_parquet(str(kept))
    write(engine, co_visits.co_visits(pages, end, reach), out / "co_visits.parquet")
    write(engine, co_visits.page_visits(pages), out / "page_visits.parquet")
    write(engine, co_visits.swing(pages, reach), out / "swing.parquet")
    kept.unlink()


def _write_evidence(engine: Engine, out: Path) -> None:
    """Write the counts of pairs in both directions, in a fixed order: the towers and the judge sample by row number."""
    tables = counted(lambda name: engine.read_parquet(str(out / f"{name}.parquet")))
    write(engine, pair_evidence(tables).order_by("page1", "page2"), out / "evidence.parquet")
