"""Runs one part of the cascade under a timeout; a failure becomes a flag on the trace."""

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
    """Return the result of `call`; on timeout, overload or error, None, and flag `<name>:<reason>` on the trace."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call()
    except TimeoutError:
        trace.degrade(f"{name}:timeout")
    except Busy:
        trace.degrade(f"{name}:busy")
    except Exception as error:  # whatever fails in one part must not fail the request
        log.warning("%s failed: %r", name, error)
        trace.degrade(f"{name}:error")
    return None
