"""Parquet files in a directory, which `onward build` reads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from configs.reading import SettingsError
from service.events.sink import SinkDown

_NICE = 10  # answers come first; higher values starve the writer on a busy machine
_LAST = 300  # characters of a failed writer's output that are shown


class ParquetSink:
    """Writes each set of segments as one file, named after the first: written again, it replaces itself.

    A process of its own writes it (see `corpus/events/write.py`). Raises SettingsError without pyarrow.
    """

    name = "parquet"

    def __init__(self, directory: Path) -> None:
        if find_spec("pyarrow") is None:
            raise SettingsError("feedback.sink: parquet needs pyarrow: pip install 'onward[feedback]', or use redis")
        self._directory = directory

    async def take(self, segments: Sequence[Path]) -> None:
        out = (self._directory / segments[0].name).with_suffix(".parquet").resolve()
        command = [sys.executable, "-m", "corpus.events.write", str(out), *(str(path.resolve()) for path in segments)]
        process = await asyncio.to_thread(_start, command)  # in a thread: starting it from the event loop forks
        try:
            _, errors = await asyncio.to_thread(process.communicate)
        finally:
            process.kill()  # if the gateway is closing; no effect on a process that ended
        if process.returncode != 0:
            raise SinkDown(f"the writer of Parquet files failed: {errors.decode(errors='replace').strip()[-_LAST:]}")

    async def close(self) -> None:
        """Close nothing."""


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        writer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
        os.setpriority(os.PRIO_PROCESS, writer.pid, _NICE)  # from the start: loading pyarrow takes longest
        return writer
    except OSError as error:
        raise SinkDown(f"the writer of Parquet files could not be started ({error.strerror})") from None
