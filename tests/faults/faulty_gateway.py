"""`onward serve` with parts that break on command, one line of standard input each.

`<path> raise|slow|hang|well` for a recall path; `cross_encoder sleep SHARE SECONDS` sleeps up to SECONDS in SHARE
of its runs. Each line is answered with `ok` on standard output once it holds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cascade.executor import RecallStep
from cascade.types import Candidates, Query, RecallPath
from service.bootstrap import load
from service.gateway import Gateway
from service.process.server import Address, serve
from service.process.shutdown import Stop
from service.process.workers import startup_message
from service.settings import read_settings

_TEN_TIMES = 9  # what is added to what it took


@dataclass
class Breakable:
    """A recall path that does what it is told."""

    path: RecallPath
    fault: str = "well"

    @property
    def name(self) -> str:
        return self.path.name

    async def recall(self, query: Query, limit: int) -> Candidates:
        if self.fault == "raise":
            raise RuntimeError("broken on purpose")
        if self.fault == "hang":
            await self._hang()
        begun = time.monotonic()
        found = await self.path.recall(query, limit)
        if self.fault == "slow":
            await asyncio.sleep(_TEN_TIMES * (time.monotonic() - begun))
        return found

    async def _hang(self) -> None:
        """Never return: on the path's own threads, where it has some, which nothing can interrupt."""
        threads = getattr(self.path, "_native", None)
        if threads is None:
            await asyncio.Event().wait()
        await asyncio.get_running_loop().run_in_executor(threads, threading.Event().wait)


class SleepyModel:
    """A cross-encoder that sometimes sleeps before it runs."""

    def __init__(self, model: Any) -> None:
        self._model, self._random = model, random.Random(0)
        self.share = self.seconds = 0.0

    def run(self, first: Any, second: Any) -> Any:
        if self._random.random() < self.share:
            time.sleep(self._random.uniform(0, self.seconds))
        return self._model.run(first, second)


def break_parts(gateway: Gateway) -> tuple[dict[str, Breakable], SleepyModel]:
    bundle = gateway.live.bundle
    paths = {step.path.name: Breakable(step.path) for step in bundle.cascade.recall}
    steps = [RecallStep(paths[step.path.name], step.limit, step.timeout_s) for step in bundle.cascade.recall]
    heads: Any = next(stage.anytime for stage in bundle.cascade.stages if stage.anytime is not None)
    heads._model = sleepy = SleepyModel(heads._model)
    gateway.live._bundle = replace(bundle, cascade=replace(bundle.cascade, recall=steps))
    return paths, sleepy


async def obey(paths: dict[str, Breakable], sleepy: SleepyModel) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        part, fault, *numbers = line.split()
        if part == "cross_encoder":
            sleepy.share, sleepy.seconds = map(float, numbers)
        else:
            paths[part].fault = fault
        print("ok", flush=True)


async def main(bundles: Path, overrides: list[str]) -> None:
    stop = Stop()
    stop.on_signals()
    gateway = load(bundles, read_settings(None, overrides, {}))
    orders = asyncio.create_task(obey(*break_parts(gateway)))

    def announce(address: Address) -> None:
        print(startup_message(address, gateway.bundle, ()), flush=True)

    await serve(gateway, Address("127.0.0.1", 0, 0), stop, announce)
    orders.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundles", type=Path)
    parser.add_argument("--set", action="append", default=[])
    for ignored in ("--port", "--grpc-port", "--admin-port"):
        parser.add_argument(ignored)
    options = parser.parse_args()
    asyncio.run(main(options.bundles, options.set))
