"""Gives memory back to the system after a swap: what a bundle needed only to be loaded is more than it keeps."""

from __future__ import annotations

import asyncio
import ctypes
import gc

from service.live_bundle import Live


async def release_memory(live: Live) -> None:
    """Wait until nobody uses the bundle before, then free what hangs in cycles and return free pages."""
    await live.alone()
    gc.collect()
    await asyncio.to_thread(_trim)


def _trim() -> None:
    """Without it glibc keeps the pages: a third of the gateway's memory after the first swap."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # only glibc has it
        trim(0)
