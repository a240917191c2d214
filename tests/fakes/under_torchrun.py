"""Runs a script in two processes that train together, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SHOWN = 5_000  # characters


def run_two(script: Path, *arguments: object) -> None:
    """Run the script; where it fails, say what was printed last: a status or a signal alone does not tell why."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script, *arguments]
    path = os.pathsep.join(map(str, (_ROOT, Path(__file__).parent)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    assert done.returncode == 0, f"{script.name} ended with {done.returncode}: {done.stdout.decode()[-_SHOWN:]}"
