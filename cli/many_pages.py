"""Settings of commands that answer many pages, for which no reader waits."""

from __future__ import annotations

from collections.abc import Iterator

_TIMEOUT_MS = 60_000  # shorter timeouts would only degrade answers
_ABREAST = 4  # pages in flight per core: while some wait for the model, others are recalled


def without_time_limits() -> Iterator[str]:
    """Yield overrides with long timeouts and without a cache: no reader waits for a batch."""
    from configs.reading import keys
    from service.settings import Settings

    yield "cache.max_mb=0"  # every URL is requested once
    for key in keys(Settings):
        if key.endswith(("timeout_ms", "budget_ms")):
            yield f"{key}={_TIMEOUT_MS}"


def side_by_side() -> Iterator[str]:
    """Yield overrides by which pages are scored side by side, each by one thread, which does more pages per second."""
    yield from without_time_limits()
    yield from ("threads.onnx=1", "threads.stage1=1")
    yield from (f"threads.{part}={_cores()}" for part in ("native", "cross_encoder"))
    yield f"overload.running={at_once()}"


def at_once() -> int:
    """Return how many pages to have in flight."""
    return _ABREAST * _cores()


def _cores() -> int:
    from configs.threads import FREE, threads

    return threads(FREE)
