"""Checks a bundle in a separate process, which a damaged file may crash: `python -m service.bundles.check`.

Reads one JSON object from standard input; writes one JSON line, the verdict.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from service.bundles.check_messages import Order, Sample, Verdict
from store.bundle import MANIFEST, Bundle, BundleError, file_hash, open_bundle

if TYPE_CHECKING:
    from service.settings import Settings

_TIMEOUT_MS = 60_000  # of every part: a busy machine must not make an intact bundle look broken


def main() -> None:
    """Check the bundle that standard input names."""
    out = os.dup(1)
    os.dup2(2, 1)  # output of native libraries must not mix with the verdict
    order = Order.model_validate_json(sys.stdin.buffer.read())
    _lower_priority(order)
    verdict = check(order)
    with os.fdopen(out, "w") as answer:
        answer.write(verdict.model_dump_json() + "\n")
    os._exit(0)  # no cleanup is needed, and native threads may hang


def check(order: Order) -> Verdict:
    """Return the verdict. Hashes are checked first, so that most damaged files never reach a native parser."""
    try:
        opened = open_bundle(order.bundles, order.name)
        manifest = file_hash(opened.path / MANIFEST)
    except (BundleError, OSError) as error:
        return Verdict(reason="files", message=str(error))
    try:
        own, compared = _answers(opened, order)
    except Exception as error:  # a bundle may be wrong in any way
        return Verdict(reason="load", message=f"bundle {order.name} cannot be opened: {error}")
    if missing := _missing(own):
        return Verdict(reason="warmup", message=f"bundle {order.name}: {missing}")
    return Verdict(manifest=manifest, own=own, compared=compared)


def _answers(opened: Bundle, order: Order) -> tuple[Sample, Sample]:
    """Load the bundle and answer its own warm-up URLs and the live bundle's."""
    import asyncio

    from service.bundles.opening import load_bundle, share
    from service.bundles.sample_answers import take, take_unknown
    from service.settings import Settings

    settings = _with_long_timeouts(Settings.model_validate(order.settings))
    bundle = load_bundle(opened, settings, share(settings, None))
    budget_s = _TIMEOUT_MS / 1e3

    async def run() -> tuple[Sample, Sample]:
        own = await take(bundle, bundle.warmup, budget_s)
        own[""] = await take_unknown(bundle, "how to find what to read next", budget_s)
        return own, await take(bundle, [url for url in order.urls if url not in own], budget_s)

    return asyncio.run(run())


def _missing(own: Sample) -> str:
    """Return what is missing from the answers to the bundle's own URLs, as a message; empty where nothing is."""
    late = ":timeout"  # with a timeout that long, the part hangs
    if missing := [flag for flag in own.pop("").broken(late) if ":" in flag]:
        return f"the answer for an unknown page is degraded: {', '.join(missing)}"
    for url, answer in own.items():
        if missing := answer.broken(late):
            return f"the answer for the warm-up page {url} is degraded: {', '.join(missing)}"
    return ""


def _with_long_timeouts(settings: Settings) -> Settings:
    from configs.reading import leaves, read
    from service.settings import Settings

    given = dict(leaves(settings.model_dump()))
    times = {key: _TIMEOUT_MS for key in given if key.endswith(("timeout_ms", "budget_ms"))}
    return read(Settings, [*given.items(), *times.items()], "configs/serve.toml")


def _lower_priority(order: Order) -> None:
    """Leave CPU and memory to the gateway, and end even if the gateway is gone."""
    signal.alarm(int(order.seconds) + 5)
    os.nice(order.nice)
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")  # without memory the kernel kills this process first


if __name__ == "__main__":
    main()
