"""Processes that make answers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from pipeline.answers import makers

_POOL = """
import contextlib, multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from pipeline.answers import makers

def start(directory, tokens):
    makers._opened = lambda *arguments: contextlib.nullcontext(lambda pages: [os.getpid()])
    makers._start(directory, tokens)

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=start, initargs=(Path(), 1))
    print(*pool.submit(makers._make, [1]).result(), flush=True)
    time.sleep(60)
"""


def test_they_end_when_the_build_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(_POOL)
    root = Path(makers.__file__).parents[2]
    with subprocess.Popen([sys.executable, script], env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE) as build:
        assert build.stdout is not None
        worker = Path("/proc") / build.stdout.readline().decode().strip()
        assert worker.is_dir()
        build.kill()
    until = time.monotonic() + 10
    while worker.is_dir() and time.monotonic() < until:
        time.sleep(0.05)
    assert not worker.is_dir()
