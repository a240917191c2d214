from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from store.tables import LmdbTable, write_table

ROWS = {7: b"seven", 2**64 - 1: b"\x00\xff\n", 1: b"", 256: b"x" * 5000}


@pytest.fixture
def lmdb_table(tmp_path: Path) -> Iterator[LmdbTable]:
    write_table(tmp_path / "things.lmdb", ROWS.items())
    table = LmdbTable(tmp_path / "things.lmdb")
    yield table
    table.close()


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


async def test_rows_are_returned_in_the_order_of_the_keys(lmdb_table: LmdbTable) -> None:
    assert await lmdb_table.get_many(keys(256, 7, 2**64 - 1, 1)) == [ROWS[256], ROWS[7], ROWS[2**64 - 1], ROWS[1]]


async def test_a_missing_key_gives_none_in_its_place(lmdb_table: LmdbTable) -> None:
    assert await lmdb_table.get_many(keys(7, 8, 7)) == [b"seven", None, b"seven"]


async def test_no_keys_give_no_rows(lmdb_table: LmdbTable) -> None:
    assert await lmdb_table.get_many(keys()) == []


async def test_a_table_is_named_after_its_file(lmdb_table: LmdbTable) -> None:
    assert lmdb_table.name == "things"


def test_items_come_in_ascending_order(lmdb_table: LmdbTable) -> None:
    assert [*lmdb_table.items()] == sorted(ROWS.items())
    assert len(lmdb_table) == len(ROWS)


def test_a_table_may_be_empty(tmp_path: Path) -> None:
    assert write_table(tmp_path / "empty.lmdb", []) == 0
    assert LmdbTable(tmp_path / "empty.lmdb").read(keys(1)) == [None]


def test_writing_leaves_no_temporary_files(lmdb_table: LmdbTable, tmp_path: Path) -> None:
    assert [path.name for path in tmp_path.iterdir()] == ["things.lmdb"]


def test_an_error_while_writing_leaves_the_old_table(lmdb_table: LmdbTable, tmp_path: Path) -> None:
    def rows() -> Iterator[tuple[int, bytes]]:
        yield 7, b"new"
        raise OSError("the source broke off")

    with pytest.raises(OSError, match="broke off"):
        write_table(tmp_path / "things.lmdb", rows())
    lmdb_table.close()  # LMDB opens a file only once per process
    assert LmdbTable(tmp_path / "things.lmdb").read(keys(7)) == [b"seven"]


def test_a_kill_while_writing_leaves_no_table_and_the_next_write_succeeds(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from store.tables import write_table
def rows():
    for key in range(5000):
        yield key, b"x" * 500
    os._exit(9)
write_table(Path(sys.argv[1]), rows())
"""
    path = tmp_path / "things.lmdb"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert not path.exists()
    assert write_table(path, ROWS.items()) == len(ROWS)
    assert [*LmdbTable(path).items()] == sorted(ROWS.items())


def test_a_file_shared_by_two_tables_stays_open_until_both_are_closed(tmp_path: Path) -> None:
    write_table(tmp_path / "things.lmdb", ROWS.items())
    (tmp_path / "linked.lmdb").hardlink_to(tmp_path / "things.lmdb")
    first, second = LmdbTable(tmp_path / "things.lmdb"), LmdbTable(tmp_path / "linked.lmdb")
    first.close()
    first.close()
    assert second.read(keys(7)) == [ROWS[7]]
    second.close()
    LmdbTable(tmp_path / "things.lmdb").close()
