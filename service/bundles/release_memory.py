"""Returns memory to the operating system after a swap: loading a bundle takes more than it keeps."""

from __future__ import annotations

import asyncio
import ctypes
import gc

from service.live_bundle import Live


async def release_memory(live: Live) -> None:
    """Wait until no request uses an old bundle, then collect reference cycles and return free memory."""
    await live.no_older_open()
    gc.collect()
    await asyncio.to_thread(_trim)


def _trim() -> None:
    """Return free memory, which glibc would keep: a third of the gateway's memory after the first swap."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc only
        trim(0)
