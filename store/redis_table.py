"""A table in Redis with the bundle's own file behind it: a row that Redis does not give comes from there."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from store.redis_rows import NOT_ANSWERED, RedisRows, Row
from store.tables import IsRow, LmdbTable, key_prefix, packed


class FallbackReason(StrEnum):
    """What was wrong with a row that the bundle's own file gave in place of Redis."""

    NOT_ANSWERED = "not_answered"  # no server answered in time
    NOT_HELD = "not_held"  # Redis has none and the bundle does: it was not pushed there, or is lost
    MALFORMED = "malformed"  # what Redis gave is no row of this table


class RedisTable:
    """The rows under `onward:<bundle>:<table>:<id>`; one read a call, and never an error for what Redis does.

    `is_row` tells rows from damaged ones; without it a row must be the bundle's own. `fell_back` hears, once a call and
    reason, why the bundle's own file had to help.
    """

    def __init__(
        self,
        rows: RedisRows,
        bundle: str,
        own: LmdbTable,
        fell_back: Callable[[FallbackReason], None],
        is_row: IsRow | None = None,
    ) -> None:
        self.name = own.name
        self._rows, self._own, self._fell_back = rows, own, fell_back
        self._is_row = is_row or self._is_own
        self._prefix = key_prefix(bundle, own.name)

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None where there is none."""
        if len(keys) == 0:
            return []
        rows = await self._rows.read([self._prefix + key for key in packed(keys)])
        complete: list[bytes | None] = [None] * len(rows)
        lacks: dict[int, FallbackReason] = {}
        for place, (key, row) in enumerate(zip(keys.tolist(), rows, strict=True)):
            if isinstance(row, bytes) and self._is_row(key, row):
                complete[place] = row
            else:
                lacks[place] = _lack(row)
        if lacks:
            self._fill(complete, lacks, keys)
        return complete

    def __contains__(self, key: int) -> bool:
        """Whether the bundle has a row of this key; its own file knows."""
        return key in self._own

    def read(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the bundle's own row of each key, in order; None where there is none."""
        return self._own.read(keys)

    def close(self) -> None:
        """Release the bundle's file; the connections are others' too."""
        self._own.close()

    def _fill(self, rows: list[bytes | None], lacks: dict[int, FallbackReason], keys: NDArray[np.uint64]) -> None:
        places = list(lacks)
        for place, row in zip(places, self._own.read(keys[places]), strict=True):
            rows[place] = row
            if row is None and lacks[place] is FallbackReason.NOT_HELD:  # nobody has one
                del lacks[place]
        for lack in sorted(set(lacks.values())):
            self._fell_back(lack)

    def _is_own(self, key: int, row: bytes) -> bool:
        return self._own.read(np.array([key], np.uint64)) == [row]


def uncut(is_row: IsRow, own: LmdbTable) -> IsRow:
    """Return a stricter `is_row`, for rows whose end tells nothing: what is the beginning of the own one is damaged."""

    def is_uncut(key: int, row: bytes) -> bool:
        (whole,) = own.read(np.array([key], np.uint64))
        return is_row(key, row) and (
            whole is None or row == whole or not (whole.startswith(row) or row.startswith(whole))
        )

    return is_uncut


def _lack(row: Row) -> FallbackReason:
    if row is None:
        return FallbackReason.NOT_HELD
    return FallbackReason.NOT_ANSWERED if row is NOT_ANSWERED else FallbackReason.MALFORMED
