"""A file of settings that may change while the gateway runs: keys, and what else is reloaded without a restart."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from configs.reading import SettingsError

log = logging.getLogger(__name__)

_CHECK_S = 1.0  # between two checks of the file

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """What `read` makes of a file. A changed file is read again; while it cannot be read, the previous value stays.

    `read` raises SettingsError, which the constructor passes on. `stays` is the log's phrase for the previous value.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], T], stays: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._read, self._stays, self._clock = path, read, stays, clock
        self._stamp, self._checked = stamp(path), clock()
        self._value = read(path)

    def value(self) -> T:
        """Return what the file says; it is looked at once a second."""
        if self._clock() - self._checked >= _CHECK_S:
            self._checked = self._clock()
            self._reload_if_changed()
        return self._value

    def _reload_if_changed(self) -> None:
        if (now := stamp(self._path)) == self._stamp:
            return
        self._stamp = now
        try:
            self._value = self._read(self._path)
        except SettingsError as error:
            log.warning("%s: %s", self._stays, error)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
