from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from configs.reading import SettingsError
from store.blob_cache import BlobCache


def test_a_blob_is_there_for_another_run(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cache.sqlite"
    with closing(BlobCache(file, "answers")) as first, closing(BlobCache(file, "answers")) as second:
        assert first.read(b"k") is None
        first.write(b"k", b"one")
        first.write(b"k", b"two")
        assert second.read(b"k") == b"two"


def test_answers_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    """They were paid for. Their column had another name."""
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old:
        old.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, answer BLOB) WITHOUT ROWID")
        old.execute("INSERT INTO answers VALUES (?, ?)", (b"k", b"paid"))
        old.commit()
    with closing(BlobCache(tmp_path / "old.sqlite", "answers")) as cache:
        assert cache.read(b"k") == b"paid"
        cache.write(b"k", b"again")
        assert cache.read(b"k") == b"again"


@pytest.mark.parametrize("kind", ["damaged", "a directory", "below a file"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "cache.sqlite"
    if kind == "damaged":
        file.write_bytes(b"no database at all" * 100)
    elif kind == "a directory":
        file.mkdir()
    else:
        (tmp_path / "file").write_text("")
        file = tmp_path / "file" / "cache.sqlite"
    with pytest.raises(SettingsError, match=r"cache\.sqlite cannot be used as a cache .*: delete it"):
        BlobCache(file, "answers")
