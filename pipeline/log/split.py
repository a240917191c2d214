"""The log's split of time, which the step `read` makes, and the two snapshots that are counted of it."""

from __future__ import annotations

import json
from datetime import datetime

from pipeline.runner.work import Work

#: Everything counted is made twice: `past`, from before the label window, feeds training; `all` serves.
PAST, ALL = "past", "all"
SNAPSHOTS = (PAST, ALL)


def split_of(work: Work) -> dict[str, datetime]:
    """Return `start`, `labels_from` and `end` of the log, all None-free; a corpus without a log has none."""
    stored = json.loads((work.of("read") / "split.json").read_text())
    return {name: datetime.fromisoformat(value) for name, value in stored.items() if value}
