"""Runs servers as separate processes, for benchmarks."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its address, process and start-up time."""

    http: str
    process: psutil.Process
    ready_s: float

    @property
    def rss_mb(self) -> float:
        """Memory of the process, in MB."""
        return float(self.process.memory_info().rss) / 1e6


@contextmanager
def served(command: Sequence[str]) -> Iterator[Served]:
    """Run a Python command that prints its address when it is ready; terminate it after the block."""
    begun = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        found = next((match for line in process.stdout if (match := _ADDRESS.search(line))), None)
        if found is None:
            raise RuntimeError(f"{' '.join(command)} did not start")
        try:
            yield Served(found[0], psutil.Process(process.pid), time.perf_counter() - begun)
        finally:
            process.terminate()


def onward(bundles: Path, *settings: str, workers: int = 1) -> list[str]:
    """Return the command that starts a gateway on free ports."""
    chosen = [part for setting in settings for part in ("--set", setting)]
    serve = "from cli.main import main; main()"
    ports = _free_ports(3) if workers > 1 else [0, 0, 0]  # several workers cannot share port 0
    options = zip(("--port", "--grpc-port", "--admin-port"), map(str, ports), strict=True)
    named = [part for option in options for part in option]
    return ["-c", serve, "serve", "--bundles", str(bundles), *named, "--workers", str(workers), *chosen]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]
