"""The split of the log by time, made by the step `read`, and the two snapshots that are counted from it."""

from __future__ import annotations

import json
from datetime import datetime

from pipeline.runner.work import Work

#: All counts are made twice: `past`, from before the label window, for training; `all` for serving.
PAST, ALL = "past", "all"
SNAPSHOTS = (PAST, ALL)
#: Counts from before the last part of the past: that part tells how much order means, and which order of pages counts.
EARLIER = "earlier"


def split_of(work: Work) -> dict[str, datetime]:
    """Return `start`, `labels_from` and `end` of the log; empty for a corpus without a log."""
    stored = json.loads((work.of("read") / "split.json").read_text())
    return {name: datetime.fromisoformat(value) for name, value in stored.items() if value}


def earlier(split: dict[str, datetime], share: float) -> datetime | None:
    """Return where the last `share` of the past begins; None without a log."""
    if "labels_from" not in split:
        return None
    return split["labels_from"] - (split["labels_from"] - split["start"]) * share
