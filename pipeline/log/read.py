"""The step that reads and checks the input tables and splits the log by time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.threads import used
from corpus.tables.reader import REJECTED
from corpus.tables.reader import read as read_tables
from corpus.tables.report_screen import check, show
from pipeline.runner.progress import console
from pipeline.runner.step import Step
from pipeline.runner.work import Work


def read(work: Work) -> dict[str, object]:
    """Check the input tables, write the good rows, and split time."""
    assert work.tables is not None  # noqa: S101 - every build has them
    config, engine = work.config, work.config.engine
    outcome = read_tables(
        work.tables.directory,
        work.directory,
        work.tables.until,
        config.url_rules,
        config.sessions,
        threads=used(),
        memory=engine.memory,
    )
    show(outcome, console)
    check(outcome, config.read.most_rejected, work.directory / REJECTED)
    report = outcome.as_dict()
    split = _split(work.directory, config.examples.label_share)
    (work.directory / "split.json").write_text(json.dumps(split))
    rows = {name: table["kept"] for name, table in report.items()}
    rejected = sum(r["count"] for table in report.values() for r in table["rejected"].values())
    if rejected:
        path = work.root / STEP.name / REJECTED  # where this directory is when the step has finished
        console.print(f"  every rejected row: {path}", soft_wrap=True, highlight=False)
    respelt = sum(table["respelt"] for table in report.values())
    return {
        **rows,
        "respelt": respelt,
        "rejected": rejected,
        "tables": report,
        "passed_over": list(outcome.ignored_files),
        **split,
    }


STEP = Step(
    "read",
    read,
    config=("examples.label_share", "fragment_hosts", "tracking_parameters", "read", "sessions"),
    seeded=False,
)


def _split(directory: Path, label_share: float) -> dict[str, str | None]:
    clicks, impressions = (_times(directory / f"{name}.parquet") for name in ("clicks", "impressions"))
    known = [span for span in (clicks, impressions) if span]
    if not known:
        return {"start": None, "labels_from": None, "end": None}
    start, end = min(s[0] for s in known), max(s[1] for s in known) + timedelta(microseconds=1)
    events_start, events_end = impressions or clicks or (start, end)
    labels_from = events_end - (events_end - events_start) * label_share
    return {"start": start.isoformat(), "labels_from": labels_from.isoformat(), "end": end.isoformat()}


def _times(path: Path) -> tuple[datetime, datetime] | None:
    span = pc.min_max(pq.read_table(path, columns=["time"])["time"]).as_py()
    return None if span["min"] is None else (span["min"], span["max"])
