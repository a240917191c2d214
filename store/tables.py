"""Key-value tables (PageId -> packed bytes) in LMDB files of the bundle; redis_table.py reads them from Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import lmdb
import numpy as np
from numpy.typing import NDArray

from store.lmdb_files import LmdbFile

#: Returns whether bytes are a valid row of a key.
IsRow = Callable[[int, bytes], bool]

_MAP_SIZE = 1 << 40  # address space, not disk space: the file is compacted after writing


class Table(Protocol):
    """Reads many rows in one call."""

    name: str

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None if there is none."""
        ...


class LocalTable(Table, Protocol):
    """A table with a local copy in the bundle."""

    def __contains__(self, key: int) -> bool:
        """Return whether the bundle's own file has a row of this key."""
        ...

    def read(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the bundle's own row of each key, in order; None if there is none."""
        ...


@dataclass(slots=True)
class RowsInMemory:
    """A small table, such as the rows of the pages that are asked for."""

    name: str
    rows: dict[int, bytes]

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None where there is none."""
        return [self.rows.get(key) for key in keys.tolist()]


class LmdbTable:
    """A table in one LMDB file: microsecond reads from a memory map shared by all processes."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._file = LmdbFile(path)
        self._env = self._file.env

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None if there is none."""
        return self.read(keys)

    def read(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Like `get_many`, for callers outside an event loop."""
        with self._env.begin() as transaction:
            return [transaction.get(key) for key in packed(keys)]

    def __contains__(self, key: int) -> bool:
        """Return whether there is a row of this key."""
        with self._env.begin() as transaction:
            return transaction.get(key.to_bytes(8, "big")) is not None

    def get(self, key: int) -> bytes | None:
        """Return one row, None if there is none; the fastest read."""
        with self._env.begin() as transaction:
            row: bytes | None = transaction.get(key.to_bytes(8, "big"))
            return row

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Yield every (key, row), in ascending order of key."""
        with self._env.begin() as transaction:
            for key, row in transaction.cursor():
                yield int.from_bytes(key, "big"), row

    def batches(self, size: int = 200) -> Iterator[list[bytes]]:
        """Yield every row, `size` at a time, in ascending order of key; between batches the table is not locked."""
        after = b""
        while True:
            with self._env.begin() as transaction:
                cursor = transaction.cursor()
                if not cursor.set_range(after):
                    return
                found = list(islice(cursor, size))
            yield [row for _, row in found]
            after = found[-1][0] + b"\0"

    def __len__(self) -> int:
        return int(self._env.stat()["entries"])

    def close(self) -> None:
        """Release the memory map, unless another table reads the same file."""
        self._file.close()


def key_prefix(bundle: str, table: str) -> bytes:
    """Return the Redis key prefix of a bundle's table; the 8-byte id follows it."""
    return f"onward:{bundle}:{table}:".encode()


def write_table(path: Path, rows: Iterable[tuple[int, bytes]]) -> int:
    """Write an LMDB table from (PageId, row) pairs in any order; return the number of rows.

    The file is written under another name and then renamed: a kill leaves no partial table.
    """
    working = path.with_suffix(".writing")
    working.unlink(missing_ok=True)
    count = 0
    with lmdb.open(str(working), subdir=False, map_size=_MAP_SIZE, lock=False, sync=False) as env:
        with env.begin(write=True) as transaction:
            for key, row in rows:
                transaction.put(key.to_bytes(8, "big"), row)
                count += 1
        compact = path.with_suffix(".compact")
        compact.unlink(missing_ok=True)
        with compact.open("wb") as file:
            env.copyfd(file.fileno(), compact=True)
    working.unlink()
    compact.rename(path)
    return count


def packed(keys: NDArray[np.uint64]) -> list[bytes]:
    """Return each key as 8 big-endian bytes, as it is stored in every table."""
    raw = keys.astype(">u8").tobytes()
    return [raw[i : i + 8] for i in range(0, len(raw), 8)]
