"""Runs a bundle's cascade over many pages, without a server, to measure it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

from cascade.executor import Cascade
from service.bootstrap import load
from service.settings import Settings
from store.bundle import Bundle

T = TypeVar("T")


def _end_of_log(bundle: Bundle) -> Callable[[], float]:
    """Return a clock that stands at the end of the bundle's log: pages are as old as when the bundle was new."""
    end = bundle.manifest.data.get("end")
    return time.time if end is None else datetime.fromisoformat(str(end)).timestamp


def over_pages(
    title: str,
    bundles: Path,
    bundle: Bundle,
    settings: Settings,
    total: int,
    work: Callable[[Cascade, Callable[[int], None]], Awaitable[T]],
) -> T:
    """Run `work` with the bundle's cascade and a callback that sets the progress bar to the number of pages done."""

    async def run() -> T:
        gateway = load(bundles, settings, bundle=bundle.name)
        try:
            with Progress(console=Console(stderr=True)) as bar:
                task = bar.add_task(title, total=total)
                cascade = replace(gateway.live.bundle.cascade, clock=_end_of_log(bundle))
                return await work(cascade, lambda done: bar.update(task, completed=done))
        finally:
            await gateway.close()

    return asyncio.run(run())
