"""Watches the file `current` by looking at it: no file events reach us from network disks, and a look costs a stat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from store.bundle import CURRENT


@dataclass(frozen=True, slots=True)
class Look:
    """The file as it was seen; a new one with the same words is another."""

    identity: tuple[int, int]  # inode and time of the last change
    text: str


def look(bundles: Path) -> Look | None:
    """Return the file as it is; None while it cannot be read, which changes nothing."""
    path = bundles / CURRENT
    try:
        stat = path.stat()
        return Look((stat.st_ino, stat.st_mtime_ns), path.read_text(errors="replace")[:200].strip())
    except OSError:
        return None


def names(bundles: Path, name: str) -> bool:
    """Whether the file names this bundle, as far as can be told: one that cannot be read changes nothing."""
    found = look(bundles)
    return found is None or found.text == name


async def watch(bundles: Path, every_s: float, changed: Callable[[str], Awaitable[None]]) -> None:
    """Tell `changed` what the file says, at once and whenever it was written again; never ends."""
    seen: Look | None = None
    while True:
        found = await asyncio.to_thread(look, bundles)  # a network disk that hangs must not hold requests
        if found is not None and found != seen:
            seen = found
            await changed(found.text)
        await asyncio.sleep(every_s)
