"""The exploration log: lists that were shown with known propensities, and which of their pages were clicked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus.schema import InputError
from corpus.urls.url import page_ids
from evaluation.experiments.events import open_experiment
from evaluation.metrics.ndcg import TOP

#: Of lists without a page at a position: an ID that no page has.
NO_PAGE = np.uint64(0)

# The clicks of a unit are alike. Without a unit, chance is drawn per page and time slot: impressions share a draw.
_SHOWN = f"""
    SELECT url1, urls[:{TOP}] AS urls, propensities[:{TOP}] AS propensities, clicked,
        dense_rank() OVER (ORDER BY coalesce('u' || unit, 'p' || url1)) - 1 AS cluster
    FROM impression WHERE propensities IS NOT NULL AND url1 IS NOT NULL AND len(urls) > 0"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class ExplorationLog:
    """Impressions, one row each, one column per position; NO_PAGE and propensity 1 where nothing was shown."""

    page1: NDArray[np.uint64]
    shown: NDArray[np.uint64]
    propensity: NDArray[np.float64]  # of each page at its position
    clicked: NDArray[np.bool_]
    cluster: NDArray[np.int64]  # of impressions that may share a draw


def read_log(events: Path, experiment: str | None = None) -> ExplorationLog:
    """Read the explored impressions of an experiment (None: of all). Raises InputError if there are none."""
    with open_experiment(events, experiment) as (connection, _):
        rows = connection.sql(_SHOWN).to_arrow_table().to_pydict()
    if not rows["url1"]:
        raise InputError(f"{events}: no impression has propensities: let an arm explore, as docs/ab-tests.md shows")
    count = len(rows["url1"])
    shown, propensity = np.full((count, TOP), NO_PAGE), np.ones((count, TOP))
    clicked = np.zeros((count, TOP), bool)
    number = _numbers({url for urls in rows["urls"] for url in urls if url is not None})
    for i, (urls, chances, clicks) in enumerate(zip(rows["urls"], rows["propensities"], rows["clicked"], strict=True)):
        shown[i, : len(urls)] = [number.get(url, NO_PAGE) for url in urls]
        propensity[i, : len(urls)] = chances
        clicked[i, [click - 1 for click in clicks if click <= TOP]] = True
    page1 = _numbers(set(rows["url1"]))
    ids = np.array([page1[url] for url in rows["url1"]], np.uint64)
    return ExplorationLog(ids, shown, propensity, clicked, np.array(rows["cluster"], np.int64))


def _numbers(urls: set[str]) -> dict[str, np.uint64]:
    listed = sorted(urls)
    return dict(zip(listed, page_ids(listed), strict=True))
