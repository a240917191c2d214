"""Checks a bundle in a process of its own, which a damaged file may crash: `python -m service.bundles.check`.

Reads one JSON object from standard input, writes one JSON line: what was found, or why the bundle is refused.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from service.bundles.verdict import Order, Sample, Verdict
from store.bundle import MANIFEST, Bundle, BundleError, file_hash, open_bundle

if TYPE_CHECKING:
    from service.settings import Settings

_PATIENCE_MS = 60_000  # of every part: a busy machine must not make a whole bundle look broken


def main() -> None:
    """Check the bundle that standard input names."""
    out = os.dup(1)
    os.dup2(2, 1)  # what native libraries print must not stand in the answer's way
    order = Order.model_validate_json(sys.stdin.buffer.read())
    _be_modest(order)
    verdict = check(order)
    with os.fdopen(out, "w") as answer:
        answer.write(verdict.model_dump_json() + "\n")
    os._exit(0)  # nothing here deserves an orderly end, and native threads may hang


def check(order: Order) -> Verdict:
    """Return the verdict. Hashes come first: most damage never reaches a native parser even here."""
    try:
        opened = open_bundle(order.bundles, order.name)
        manifest = file_hash(opened.path / MANIFEST)
    except (BundleError, OSError) as error:
        return Verdict(reason="files", message=str(error))
    try:
        own, compared = _answers(opened, order)
    except Exception as error:  # a bundle may be wrong in any way
        return Verdict(reason="load", message=f"bundle {order.name} cannot be opened: {error}")
    if lacking := _lacking(own):
        return Verdict(reason="warmup", message=f"bundle {order.name}: {lacking}")
    return Verdict(manifest=manifest, own=own, compared=compared)


def _answers(opened: Bundle, order: Order) -> tuple[Sample, Sample]:
    """Load the bundle and answer its own warm-up URLs and the live bundle's."""
    import asyncio

    from service.bootstrap import load_bundle, share
    from service.bundles.sample_answers import take, take_unknown
    from service.settings import Settings

    settings = _patient(Settings.model_validate(order.settings))
    bundle = load_bundle(opened, settings, share(settings, None))
    budget_s = _PATIENCE_MS / 1e3

    async def run() -> tuple[Sample, Sample]:
        own = await take(bundle, bundle.warmup, budget_s)
        own[""] = await take_unknown(bundle, "how to read what comes next", budget_s)
        return own, await take(bundle, [url for url in order.urls if url not in own], budget_s)

    return asyncio.run(run())


def _lacking(own: Sample) -> str:
    """Return what is missing from the answers to the bundle's own URLs, in words; empty when nothing is."""
    late = ":timeout"  # with that much time it hangs
    if missing := [flag for flag in own.pop("").broken(late) if ":" in flag]:
        return f"the answer to an unknown page lacks {', '.join(missing)}"
    for url, answer in own.items():
        if missing := answer.broken(late):
            return f"the answer to its warm-up page {url} lacks {', '.join(missing)}"
    return ""


def _patient(settings: Settings) -> Settings:
    from configs.reading import leaves, read
    from service.settings import Settings

    given = dict(leaves(settings.model_dump()))
    times = {key: _PATIENCE_MS for key in given if key.endswith(("timeout_ms", "budget_ms"))}
    return read(Settings, [*given.items(), *times.items()], "configs/serve.toml")


def _be_modest(order: Order) -> None:
    """Leave the machine to the gateway, and end by ourselves should nobody end us."""
    signal.alarm(int(order.seconds) + 5)
    os.nice(order.nice)
    with suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out, this process goes, not the gateway


if __name__ == "__main__":
    main()
