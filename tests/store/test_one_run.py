from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.bundle import BundleError
from store.one_run import alone_in

HOLDS = """
import sys
from pathlib import Path
from store.one_run import alone_in
with alone_in(Path(sys.argv[1]), "onward build"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with (
            pytest.raises(BundleError, match=rf"in use by `onward build` \(process {other.pid} on .*, since 20.* UTC"),
            alone_in(tmp_path, "onward refresh answers"),
        ):
            pass
        os.kill(other.pid, signal.SIGKILL)
    with alone_in(tmp_path, "onward refresh answers"):
        pass


def test_the_next_run_has_its_turn(tmp_path: Path) -> None:
    for _ in range(2):
        with alone_in(tmp_path, "onward build"):
            pass


def test_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), alone_in(tmp_path, "onward build"):
        raise ValueError("broken")
    with alone_in(tmp_path, "onward build"):
        pass
