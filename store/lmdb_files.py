"""The LMDB files that this process has open: each only once, shared by its tables, as LMDB requires."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import lmdb

_Identity = tuple[int, int]

_lock = Lock()  # one bundle may load in a thread while another is closed on the event loop
_open: dict[_Identity, tuple[Any, int]] = {}  # device and inode -> environment, reference count


class LmdbFile:
    """A reference to one open file until `close`. Hard links to the same file share one memory map."""

    def __init__(self, path: Path) -> None:
        found = path.stat()
        self._identity: _Identity = (found.st_dev, found.st_ino)
        self._closed = False
        with _lock:
            env, users = _open.get(self._identity) or (_environment(path), 0)
            _open[self._identity] = (env, users + 1)
        self.env = env

    def close(self) -> None:
        """Drop the reference; the last one releases the memory map. Idempotent."""
        with _lock:
            if self._closed:
                return
            self._closed = True
            env, users = _open[self._identity]
            if users > 1:
                _open[self._identity] = (env, users - 1)
                return
            del _open[self._identity]
            env.close()


def _environment(path: Path) -> Any:
    return lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False, max_readers=1024)
