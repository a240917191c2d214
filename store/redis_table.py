"""A table in Redis with the bundle's own file behind it: a row that Redis does not give comes from there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from store.redis_rows import NOT_ANSWERED, RedisRows
from store.tables import LmdbTable, key_prefix, packed


class RedisTable:
    """The rows under `onward:<bundle>:<table>:<id>`; one read a call, and never an error for what Redis does.

    `fell_back` is called when the bundle's own file was asked because Redis did not answer in time, or (with `lacks`
    true) gave rows that Redis does not hold though the bundle does: it was not pushed there, or is lost.
    """

    def __init__(self, rows: RedisRows, bundle: str, own: LmdbTable, fell_back: Callable[[bool], None]) -> None:
        self.name = own.name
        self._rows, self._own, self._fell_back = rows, own, fell_back
        self._prefix = key_prefix(bundle, own.name)

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None where there is none."""
        if len(keys) == 0:
            return []
        rows = await self._rows.read([self._prefix + key for key in packed(keys)])
        missing = [place for place, row in enumerate(rows) if not isinstance(row, bytes)]
        complete = [row if isinstance(row, bytes) else None for row in rows]
        if missing:
            for place, row in zip(missing, self._own.read(keys[missing]), strict=True):
                complete[place] = row
            if any(rows[place] is NOT_ANSWERED for place in missing):
                self._fell_back(False)
            if any(rows[place] is None and complete[place] is not None for place in missing):
                self._fell_back(True)
        return complete

    def __contains__(self, key: int) -> bool:
        """Whether the bundle has a row of this key; its own file knows."""
        return key in self._own

    def close(self) -> None:
        """Release the bundle's file; the connections are others' too."""
        self._own.close()
