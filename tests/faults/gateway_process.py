"""A gateway in a process of its own, as a user starts it: real ports, real signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_READY = re.compile(r"HTTP (http://\S+) .*gRPC ([^\s,]+)(?:, admin (\S+))?")
_START_S = 60.0


@dataclass
class GatewayProcess:
    """A running gateway: where it listens, what it logged."""

    process: subprocess.Popen[str]
    http: str = ""
    grpc: str = ""
    admin: str = ""
    output: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def tell(self, line: str) -> None:
        """Write one line to the gateway's standard input (`faulty_gateway` reads them)."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def leave(self, wait_s: float = 30.0) -> int:
        """Send SIGTERM and return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(wait_s)


@contextmanager
def gateway(
    bundles: Path,
    *arguments: str,
    module: Sequence[str] = ("-c", "from cli.main import main; main()", "serve"),
    settings: Sequence[str] = (),
    program: Sequence[str] = (sys.executable,),
    log: Path | None = None,
) -> Iterator[GatewayProcess]:
    """Start `onward serve` (or another `module` that greets alike) on free ports and wait until it is ready."""
    ports = ("--port", "0", "--grpc-port", "0", "--admin-port", "0")
    command = [*program, *module, "--bundles", str(bundles), *ports, *arguments]
    for setting in settings:
        command += ["--set", setting]
    log = log or bundles / f"gateway-{time.monotonic_ns()}.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ}
        ) as process,
    ):
        running = GatewayProcess(process)
        try:
            _wait_ready(running, log)
            yield running
        finally:
            process.kill()


def _wait_ready(running: GatewayProcess, log: Path) -> None:
    assert running.process.stdout is not None
    too_late = threading.Timer(_START_S, running.process.kill)
    too_late.start()
    try:
        for line in running.process.stdout:
            running.output.append(line)
            if found := _READY.search(line):
                running.http, running.grpc, running.admin = found[1], found[2], found[3] or ""
                return
    finally:
        too_late.cancel()
    raise AssertionError(f"the gateway did not start: {''.join(running.output)}\n{log.read_text()[-3000:]}")
