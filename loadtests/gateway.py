"""The gateway under test, started here or running elsewhere, and its counters."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

_READY = re.compile(r"HTTP (http://\S+) .*gRPC ([^\s,]+), admin (\S+)")
_START_S = 120.0
#: 0: any free port.
_PORTS = ("--port", "0", "--grpc-port", "0", "--admin-port", "0")


class GatewayError(RuntimeError):
    """The gateway did not start; the message contains the end of its log."""


@dataclass(frozen=True, slots=True)
class Target:
    """The addresses of a gateway; `metrics` is the URL of its /metrics, empty if they are not available."""

    http: str
    grpc: str
    metrics: str


@contextmanager
def started(bundles: Path, settings: Sequence[str], log: Path) -> Iterator[Target]:
    """Run a gateway on free local ports until the block ends. Raises GatewayError if it does not start."""
    command = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "serve",
        "--bundles",
        str(bundles),
        *_PORTS,
    ]
    command += [f"--set={setting}" for setting in settings]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
        assert process.stdout is not None  # noqa: S101 - stdout is a pipe
        start_timeout = threading.Timer(_START_S, process.kill)
        start_timeout.start()
        try:
            found = next((match for line in process.stdout if (match := _READY.search(line))), None)
            if found is None:
                raise GatewayError(f"the gateway did not start: {log.read_text().strip()[-2000:]}")
            start_timeout.cancel()
            yield Target(found[1], found[2], f"{found[3]}/metrics")
        finally:
            start_timeout.cancel()
            process.terminate()
            process.wait()
            process.stdout.close()


def counters(target: Target) -> Counter[str]:
    """Return the gateway's counters as `name{value of each label}`; none if /metrics is not available."""
    if not target.metrics:
        return Counter()
    with urlopen(target.metrics, timeout=10) as response:  # noqa: S310 - the user gave this URL
        text = response.read().decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return Counter(
        {f"{s.name}{{{','.join(s.labels.values())}}}": s.value for s in samples if s.name.endswith("_total")}
    )
