"""Declares the recall path `qprime`."""

from __future__ import annotations

from recall.path_spec import OpenPath, PathSpec, Resources
from recall.qprime.config import QPrimeConfig
from recall.qprime.row import MAX_PAGES, is_row


def _open(given: Resources) -> OpenPath:
    from recall.qprime.lookup import QPrimeRecall

    return OpenPath(QPrimeRecall(given.tables["qprime"]))


PATH = PathSpec(
    name="qprime",
    open=_open,
    limit=MAX_PAGES,
    table=True,
    is_row=is_row,
    columns={"qprime_quality": 0.0},
    config=QPrimeConfig,
)
