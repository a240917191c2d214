"""The `onward` command over the small gateway of the tests, as a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType

from configs.reading import leaves
from service.gateway import Gateway
from service.settings import Settings

spec = importlib.util.spec_from_file_location("small", Path(__file__).with_name("conftest.py"))
small = sys.modules["small"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(small)


def load(
    bundles: Path,
    settings: Settings,
    *,
    redis_url: str | None = None,
    bundle: str | None = None,
    secret: bytes | None = None,
) -> Gateway:
    """Build the small gateway from the pages table in `bundles`."""
    if os.environ.get("SMALL_LOADS"):
        sys.stderr.write("loading\n")
        time.sleep(3600)
    feedback = [f"feedback.{key}={value}" for key, value in leaves(settings.feedback.model_dump()) if value != ""]
    feedback = feedback if settings.feedback.enabled else []
    warmup = tuple(small.URLS[:4])
    gateway = small.small_gateway(bundles, *feedback, warmup=warmup, redis_url=redis_url).gateway
    gateway.settings = settings
    if os.environ.get("SMALL_HANGS"):
        small.ByRank.score = lambda *_: time.sleep(3600)  # native code that no time limit ends
    return gateway


sys.modules["service.bootstrap"] = ModuleType("service.bootstrap")
sys.modules["service.bootstrap"].load = load  # type: ignore[attr-defined]

if __name__ == "__main__":
    from cli.main import main

    main()
