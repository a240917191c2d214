from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ONWARD = [sys.executable, str(Path(__file__).with_name("small_onward.py"))]
URL1 = "https://site0.example/page/0"


def test_a_hanging_native_call_does_not_keep_the_process(make, tmp_path) -> None:
    settings = ("server.drain_s=0", "server.grace_s=1", "budget_ms=100", "max_budget_ms=100")
    ports = ("--port", "0", "--grpc-port", "0", "--admin-port", "0")
    command = [*ONWARD, "serve", "--bundles", str(tmp_path), *ports, *(f"--set={each}" for each in settings)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "SMALL_HANGS": "1"}
    ) as process:
        process.stdout.readline()
        address = process.stdout.readline().split()[1]
        answer = httpx.get(f"{address}/recommend", params={"url1": URL1}).json()
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        _, error = process.communicate(timeout=30)
    assert "stage1:timeout" in answer["degraded"]
    assert process.returncode == 0
    assert time.monotonic() - started < 15  # drain, grace and a second more, on a busy machine
    assert "leaving at once" in error


@pytest.mark.parametrize(("seconds", "said"), [(0.01, "printed\n"), (3600, "printed\n")])
def test_threads_that_end_are_waited_for_and_others_are_left(seconds, said) -> None:
    code = (
        "import threading, time; from service.leaving import leave_hanging_threads; print('printed');"
        f"threading.Thread(target=time.sleep, args=({seconds},)).start(); leave_hanging_threads(0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == said
    assert ("hangs" in done.stderr) == (seconds > 1)
