"""Explains an answer: a trace as plain JSON values."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.executor import NOT_RECALLED, RANK
from cascade.trace import Trace
from cascade.types import Candidates, Column
from recall.paths import PATHS
from service.answers.answer import finite
from service.rules.steering import Hit
from store import page_row
from store.tables import Table

log = logging.getLogger(__name__)

_BECAUSE = "qprime_query"  # the query by which the Q' path found a page
_MAX_SHOWN = 2_000  # candidates per stage, and dropped ones
_MIN_COUNT = 5  # smaller counts are hidden: a count of 1 is the behaviour of one reader
_COUNTS = page_row.COUNTS.union(*(path.counts for path in PATHS))
_RATES = frozenset[str]().union(*(path.rates for path in PATHS))


async def explain(trace: Trace, pages: Table, acted: Sequence[Hit] = ()) -> dict[str, Any]:
    """Return milliseconds per stage, what was dropped and why, what rules `acted` on, and every stage's candidates.

    URLs are read from the `pages` table; they are null for pages that it does not hold. Counts below 5 are null, and so
    are rates that may rest on such counts. Of a stage with more than 2,000 candidates the best are shown.
    """
    stages = {name: candidates.take(slice(0, _MAX_SHOWN)) for name, candidates in trace.stages.items()}
    dropped = dict(islice(trace.dropped.items(), _MAX_SHOWN))
    acted = acted[:_MAX_SHOWN]
    named = {page for stage in stages.values() for page in stage.pages.tolist()} | dropped.keys()
    urls = await _urls(named | {hit.page for hit in acted}, pages)
    return {
        "ms": {name: finite(ms) for name, ms in trace.ms.items()},
        "recalled": {path: len(found) for path, found in trace.recalled.items()},
        "reasons": dict(Counter(trace.dropped.values())),
        "runs": [{**run._asdict(), "ms": finite(run.ms)} for run in trace.runs],
        "dropped": [{"url": urls.get(page), "reason": reason} for page, reason in dropped.items()],
        "rules": [
            {"rule": rule.label, "action": rule.action, "url": urls.get(page), "note": rule.note}
            for rule, page in acted
        ],
        "stages": [
            {
                "stage": name,
                "candidates": await asyncio.to_thread(_candidates, candidates, urls),
                "left_out": len(trace.stages[name]) - len(candidates),
            }
            for name, candidates in stages.items()
        ],
    }


async def _urls(ids: Iterable[int], pages: Table) -> dict[int, str]:
    keys = np.fromiter(ids, np.uint64)
    try:
        rows = await pages.get_many(keys)
    except Exception as error:  # an explanation without URLs is better than none
        log.warning("explain could not read %s: %r", pages.name, error)
        return {}
    return {page: page_row.read_text(row).url for page, row in zip(keys.tolist(), rows, strict=True) if row}


def _candidates(candidates: Candidates, urls: dict[int, str]) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    for name, column in candidates.columns.items():
        columns.update(_columns(name, column))
    because = columns.pop(_BECAUSE, None)
    answer = []
    for i, page in enumerate(candidates.pages.tolist()):
        entry = {"url": urls.get(page), "columns": {name: values[i] for name, values in columns.items()}}
        if because is not None:
            entry["because"] = because[i] or None
        answer.append(entry)
    return answer


def _columns(name: str, column: Column) -> dict[str, list[Any]]:
    """Return a column as JSON values: structured ones field by field, raw bytes not at all."""
    if column.dtype.names:
        return {f"{name}.{part}": _visible(part, column[part]) for part in column.dtype.names}
    return {} if column.dtype.kind == "O" else {name: _visible(name, column)}


def _visible(name: str, column: NDArray[Any]) -> list[Any]:
    """Return the values of a column, without those that rest on too few readers."""
    if name in _RATES:
        return [None] * len(column)
    values = _values(name, column)
    return (
        values if name not in _COUNTS else [None if value is None or value < _MIN_COUNT else value for value in values]
    )


def _values(name: str, column: NDArray[Any]) -> list[Any]:
    if name.startswith(RANK):
        return [None if rank == NOT_RECALLED else rank + 1 for rank in column.tolist()]
    if column.dtype.kind == "f":
        return [finite(value) if column.ndim == 1 else [finite(v) for v in value] for value in column.tolist()]
    if column.dtype == np.uint64:  # an ID: JSON numbers lose digits beyond 2^53
        return [f"{value:016x}" for value in column.tolist()]
    return list(column.tolist())
