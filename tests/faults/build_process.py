"""A build in a process of its own, as a user starts it, and what two builds of the same inputs must have in common."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from configs.reading import leaves
from store.bundle import Bundle, open_bundle

#: With one thread each, sums are added up in one order, and two builds of the same inputs are the same to the byte.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: What a bundle's manifest says of the moment at which it was made; all else follows from the inputs.
OF_THE_MOMENT = {"name", "created", "git_commit", "seconds"}


@dataclass(frozen=True, slots=True)
class BuildCommand:
    """`onward build` of one corpus with one configuration, into any directory."""

    data: Path
    config: Mapping[str, Any]

    def arguments(self, bundles: Path) -> list[str]:
        """Return the command line, without the program."""
        sets = [f"--set={key}={json.dumps(value)}" for key, value in leaves(self.config)]
        return ["build", "--data", str(self.data), "--bundles", str(bundles), *sets]

    def run(
        self,
        bundles: Path,
        kill_after_s: float | None = None,
        largest_file: int | None = None,
        step: str = "",
        touches: int = 0,
    ) -> Built:
        """Run to the end, or until it is killed (SIGKILL); `largest_file` limits the bytes of a file.

        With a `step` it runs that step and what it needs; it is killed at so many `touches` of the step's files.

        A server process that has imported everything forks each build, so that what is killed is work, not imports.
        """
        with tempfile.NamedTemporaryFile("r") as log:  # on another disk than the one that is full
            arguments = [*self.arguments(bundles), *([step] if step else [])]
            watched = (str(bundles / "work" / f".{step}"), touches)
            process = _server().Process(target=_onward, args=(arguments, log.name, largest_file, watched))
            start = time.monotonic()
            process.start()
            process.join(kill_after_s)
            if process.exitcode is None:
                process.kill()
                process.join()
            assert process.exitcode is not None
            return Built(process.exitcode, log.read(), time.monotonic() - start)


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.build", "cli.main"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
        ready = context.Process(target=int)  # the first one waits until all is imported
        ready.start()
        ready.join()
    return context


def _onward(arguments: list[str], log: str, largest_file: int | None, watched: tuple[str, int]) -> None:
    """Be the command, in a process of its own; killed at the n-th touch of a directory, where n is not 0."""
    from cli.main import main

    descriptor = os.open(log, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.argv = ["onward", *arguments]
    if watched[1]:
        _die_at(*watched)
    main()


def _die_at(directory: str, left: int) -> None:
    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event.startswith(("open", "os.")) and arguments and str(arguments[0]).startswith(directory):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@dataclass(frozen=True, slots=True)
class Built:
    """How a build ended: its exit code (negative: the signal that killed it), and all that it said."""

    code: int
    said: str
    seconds: float


def lasting(bundle: Bundle) -> dict[str, Any]:
    """Return what the manifest says of the inputs alone, the hash of every file included."""
    return bundle.manifest.model_dump(mode="json", exclude=OF_THE_MOMENT) | {"identity": bundle.name[-8:]}


def check_nothing_is_half_published(bundles: Path) -> Bundle:
    """Open every directory that looks like a bundle and verify its hashes; return the live one."""
    for path in bundles.glob("[0-9]*Z-*"):
        open_bundle(bundles, path.name)
    return open_bundle(bundles)


@contextmanager
def small_disk(at: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of that size; needs the right to mount. Raises PermissionError."""
    at.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(at)], capture_output=True, text=True
    )
    if done.returncode:
        raise PermissionError(done.stderr.strip())
    try:
        yield SmallDisk(at)
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted disk that can be made larger."""

    path: Path

    def resize(self, kilobytes: int) -> None:
        """Give the disk another size; it must hold what is on it."""
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(self.path)], check=True)


def kilobytes(*directories: Path) -> int:
    """Return the room that the files below the directories take on a disk of 4 KB blocks."""
    files = (path for directory in directories for path in directory.rglob("*"))
    return sum(4 + (path.stat().st_size + 4095) // 4096 * 4 for path in files)
