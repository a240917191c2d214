from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.bundle import BundleError
from store.one_run import LOCK, alone_in

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


@contextmanager
def as_another_user() -> Iterator[Path]:
    """Yield a directory that anyone may write into, with a lock's file of a user that only its owner may write."""
    with tempfile.TemporaryDirectory() as name:
        directory, root = Path(name), os.geteuid() == 0
        directory.chmod(0o777)
        (directory / LOCK).touch(0o444)
        if root:
            os.seteuid(65_534)
        try:
            yield directory
        finally:
            if root:
                os.seteuid(0)


def test_a_lock_that_another_user_has_made_serves_too() -> None:
    with (
        as_another_user() as directory,
        alone_in(directory, "onward build"),
        pytest.raises(BundleError, match="in use by another run: wait"),
        alone_in(directory, "onward build"),
    ):
        pass


def test_a_directory_in_which_nothing_can_be_written_needs_no_lock() -> None:
    with as_another_user() as directory:
        (directory / "bundles").mkdir(0o555)
        with alone_in(directory / "bundles", "onward build"):
            assert not (directory / "bundles" / LOCK).exists()


def test_a_file_system_without_locks_is_told_of(tmp_path: Path, monkeypatch, caplog) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with alone_in(tmp_path, "onward build"):
        pass
    assert caplog.messages == [f"{tmp_path} cannot be locked (No locks available): start no second run in it"]
