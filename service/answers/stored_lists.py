"""Ranked lists that the bundle stores: one read in place of the cascade."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cascade.executor import NOT_RECALLED, RANK
from cascade.trace import Trace
from cascade.types import Query
from ranking import stored_answers
from ranking.blend import LLM
from service.answers.answer import STORED, finite
from service.answers.ranked_list import RankedList, compact
from service.live_bundle import LoadedBundle
from store import answer_row, page_row
from store.tables import LmdbTable

log = logging.getLogger(__name__)

_SHOWN = ("score", "stage2", "click", "quality", LLM)


class StoredLists:
    """Reads the live bundle's `answers` table. A page without an intact row has no stored list: it is computed."""

    def __init__(self, corrupt: Callable[[], None] | None = None) -> None:
        """Call `corrupt` for each corrupt row, and log the first; neither without it."""
        self._corrupt = corrupt
        self._logged = False

    async def get(self, bundle: LoadedBundle, query: Query) -> RankedList | None:
        """Return a page's list, from LMDB or Redis."""
        if bundle.answers is None:
            return None
        (row,) = await bundle.answers.get_many(np.array([query.page], np.uint64))
        return self._list(bundle, query, row)

    def here(self, bundle: LoadedBundle, query: Query) -> RankedList | None:
        """Return a page's list where that takes no wait: the table is a file."""
        if not isinstance(bundle.answers, LmdbTable):
            return None
        return self._list(bundle, query, bundle.answers.get(query.page))

    def explained(self, bundle: LoadedBundle, query: Query, ranked: RankedList) -> dict[str, Any]:
        """Return a stored list as it stands now, best first, and what was dropped when it was made."""
        shared = replace(query, exclude=frozenset())
        now = bundle.cascade.relisted(shared, ranked.candidates(bundle.pages), Trace())
        ranks = {path: now[f"{RANK}{path}"].tolist() for path in stored_answers.PATHS}
        names = [name for name in _SHOWN if name in now.columns]
        listed = [
            {
                "url": page_row.read_text(row).url,
                **{name: finite(now[name][place]) for name in names},
                "recalled_by": [
                    {"path": path, "rank": found[place] + 1}
                    for path, found in ranks.items()
                    if found[place] != NOT_RECALLED
                ],
            }
            for place, row in enumerate(now["row"])
        ]
        return {"model": bundle.answers_by, "candidates": listed, "dropped": dict(ranked.dropped), "cut": ranked.cut}

    def _list(self, bundle: LoadedBundle, query: Query, row: bytes | None) -> RankedList | None:
        if row is None:
            return None
        if not answer_row.is_row(query.page, row):
            self._note_corrupt(bundle, query)
            return None
        stored = answer_row.read(row, len(stored_answers.PATHS))
        rows = compact(stored_answers.candidates(stored))
        return RankedList(query.url, bundle.name, rows, cut=stored.cut, served_by=STORED, dropped=stored.dropped)

    def _note_corrupt(self, bundle: LoadedBundle, query: Query) -> None:
        if self._corrupt is None:
            return
        self._corrupt()
        if not self._logged:  # a busy gateway would fill the disk
            self._logged = True
            fix = "its answer is computed; build or push the bundle again; further rows are only counted"
            log.warning("bundle %s: the stored answer of %s is corrupt: %s", bundle.name, query.url, fix)
