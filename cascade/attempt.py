"""One part of the cascade under a time limit: it gives its result, or a flag that says what became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cascade.bulkhead import Busy
from cascade.trace import Trace

log = logging.getLogger(__name__)

T = TypeVar("T")


async def attempt(name: str, call: Callable[[], Awaitable[T]], timeout_s: float | None, trace: Trace) -> T | None:
    """Await a part; where it fails, is late or too busy, return None and flag `<name>:<why>`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call()
    except TimeoutError:
        trace.degrade(f"{name}:timeout")
    except Busy:
        trace.degrade(f"{name}:busy")
    except Exception as error:  # a part may fail in any way: the answer goes on without it
        log.warning("%s failed: %r", name, error)
        trace.degrade(f"{name}:error")
    return None
