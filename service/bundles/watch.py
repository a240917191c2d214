"""Watches the file `current` by polling: network file systems send no file events, and a poll costs one stat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from store.bundle import CURRENT


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The file as it was read; a new file with the same text is another snapshot."""

    identity: tuple[int, int]  # inode and time of the last change
    text: str


def snapshot(bundles: Path) -> Snapshot | None:
    """Return the file as it is; None while it cannot be read."""
    path = bundles / CURRENT
    try:
        stat = path.stat()
        return Snapshot((stat.st_ino, stat.st_mtime_ns), path.read_text(errors="replace")[:200].strip())
    except OSError:
        return None


def names(bundles: Path, name: str) -> bool:
    """Return whether the file names this bundle; True while it cannot be read."""
    found = snapshot(bundles)
    return found is None or found.text == name


async def watch(bundles: Path, every_s: float, changed: Callable[[str], Awaitable[None]]) -> None:
    """Call `changed` with the file's text, now and whenever it is written; never ends."""
    seen: Snapshot | None = None
    while True:
        found = await asyncio.to_thread(snapshot, bundles)  # a hanging network disk must not block requests
        if found is not None and found != seen:
            seen = found
            await changed(found.text)
        await asyncio.sleep(every_s)
