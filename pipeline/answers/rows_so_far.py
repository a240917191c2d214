"""The rows of an unfinished `answers` table: committed as they come, so that a killed run loses a few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb

from store.tables import write_table

_MAP_SIZE = 1 << 40  # address space, not disk space
_COMMIT_S = 5.0


class RowsSoFar:
    """Rows by PageId in a file that outlives the process; `finish` makes the table of them."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "rows.lmdb"
        self._env: Any = lmdb.open(str(self._path), subdir=False, map_size=_MAP_SIZE, lock=False)
        self._transaction: Any = self._env.begin(write=True)
        self._committed = time.monotonic()
        self._finished = False
        self.made = 0  # by this process
        self.pages, self.bytes = 0, 0
        for _, row in self._transaction.cursor():
            self.pages, self.bytes = self.pages + 1, self.bytes + len(row)

    def __enter__(self) -> RowsSoFar:
        return self

    def __exit__(self, *error: object) -> None:
        self._transaction.commit()
        self._env.close()
        if self._finished:
            self._path.unlink()

    def __contains__(self, page: int) -> bool:
        return self._transaction.get(page.to_bytes(8, "big")) is not None

    def put(self, page: int, row: bytes) -> None:
        """Add a row; every few seconds all rows so far are committed."""
        self._transaction.put(page.to_bytes(8, "big"), row)
        if page:  # the head is no page's
            self.pages, self.bytes, self.made = self.pages + 1, self.bytes + len(row), self.made + 1
        if time.monotonic() - self._committed > _COMMIT_S:
            self._commit()

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Yield every (key, row), in ascending order of key."""
        for key, row in self._transaction.cursor():
            yield int.from_bytes(key, "big"), bytes(row)

    def finish(self, target: Path) -> int:
        """Write the table; return the number of rows, its head included."""
        self._commit()
        written = write_table(target, self.items())
        self._finished = True
        return written

    def _commit(self) -> None:
        self._transaction.commit()
        self._transaction = self._env.begin(write=True)
        self._committed = time.monotonic()
