"""The step that reads and checks the input tables and splits the log by time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.tables.reader import REJECTED, read
from corpus.tables.report_screen import check, show
from pipeline.runner.progress import console
from pipeline.runner.work import Work


def reader(data: Path, until: datetime | None) -> Callable[[Work], dict[str, object]]:
    """Return the step that reads and checks the input tables and splits the log by time."""

    def step(work: Work) -> dict[str, object]:
        config, engine = work.config, work.config.engine
        outcome = read(
            data,
            work.directory,
            until,
            config.url_rules,
            config.sessions,
            threads=engine.threads,
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
            console.print(f"  every rejected row: {work.of('read') / REJECTED}", soft_wrap=True, highlight=False)
        respelt = sum(table["respelt"] for table in report.values())
        return {
            **rows,
            "respelt": respelt,
            "rejected": rejected,
            "tables": report,
            "passed_over": list(outcome.passed_over),
            **split,
        }

    return step


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
