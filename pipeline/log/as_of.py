"""The past snapshot as of a day in the label window: tables whose counts end when that day begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.log.label_days import LabelDay
from pipeline.log.page_counts import set_counts
from pipeline.log.split import PAST
from pipeline.runner.work import Work
from store.page_row import FACTS
from store.tables import Table


@dataclass(slots=True)
class MovingTable:
    """A table that can be swapped while a cascade reads it."""

    name: str
    table: Table

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None where there is none."""
        return await self.table.get_many(keys)


@dataclass(slots=True)
class _PagesAsOf:
    """The `pages` table with replaced facts at the start of its rows."""

    past: Table
    facts: NDArray[np.void]  # in order of PageId
    name: str = "pages"

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        rows = await self.past.get_many(keys)
        places = np.searchsorted(self.facts["page"], keys).tolist()
        return [
            None if row is None else self.facts[place].tobytes() + row[FACTS.itemsize :]
            for row, place in zip(rows, places, strict=True)
        ]


def pages_as_of(work: Work, past: Table, day: LabelDay) -> Table:
    """Return the `pages` table with the counts from before a day."""
    facts = np.load(work.of("pages") / PAST / "facts.npy")
    set_counts(facts, work.of("counts") / day.name)
    return _PagesAsOf(past, facts)
