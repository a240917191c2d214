"""Runs the check of a bundle in a separate process, with a timeout."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import OrderedDict

from pydantic import ValidationError

from service.bundles.check_messages import Order, Refused, Verdict

_LAST = 300  # characters of a crashed check's output that are shown
_REMEMBERED = 8  # bundles that passed


class Trials:
    """Checks bundles, and remembers those that passed, so that rolling back to one is quick.

    A verdict depends only on the files and the settings, and loading hashes the files again.
    """

    def __init__(self) -> None:
        self._passed: OrderedDict[str, Verdict] = OrderedDict()

    async def run(self, order: Order) -> Verdict:
        """Check a bundle. Raises Refused, also when the check crashes or takes too long."""
        verdict = self._passed.get(order.name)
        if verdict is None or not (verdict.own.keys() | verdict.compared.keys()).issuperset(order.urls):
            verdict = await run(order)
        self._passed[order.name] = verdict
        self._passed.move_to_end(order.name)
        while len(self._passed) > _REMEMBERED:
            self._passed.popitem(last=False)
        return verdict

    def forget(self, name: str) -> None:
        """Check the bundle again when it is offered again."""
        self._passed.pop(name, None)


async def run(order: Order) -> Verdict:
    """Check a bundle in a new process. Raises Refused."""
    process = await asyncio.to_thread(_start)  # in a thread: starting it from the event loop forks
    try:
        return await asyncio.to_thread(_finish, process, order)
    finally:
        process.kill()  # if the caller was cancelled; no effect on a process that ended


def run_here(order: Order) -> Verdict:
    """Check a bundle in a new process and wait for it, outside an event loop. Raises Refused."""
    process = _start()
    try:
        return _finish(process, order)
    finally:
        process.kill()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.bundles.check"]
    try:
        return subprocess.Popen(  # noqa: S603 -- our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise Refused(
            "failed", f"the check could not be started ({error.strerror}): free memory or processes"
        ) from None


def _finish(process: subprocess.Popen[bytes], order: Order) -> Verdict:
    with process:
        try:
            out, errors = process.communicate(order.model_dump_json().encode(), timeout=order.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            message = f"the check of bundle {order.name} took more than {order.seconds:g} s: raise swap.check_s"
            raise Refused("time", message) from None
    return _read(order.name, process.returncode, out, errors)


def _read(name: str, code: int, out: bytes, errors: bytes) -> Verdict:
    output = _plain(errors.decode("ascii", errors="replace"))[-_LAST:]
    if code < 0:
        end = signal.Signals(-code).name
        raise Refused(
            "crash", f"bundle {name} crashed the process that opened it ({end}): build it again. {output}".strip()
        )
    try:
        verdict = Verdict.model_validate_json(out)
    except ValidationError:
        raise Refused("failed", f"the check of bundle {name} ended with code {code}: {output}") from None
    if verdict.reason:
        raise Refused(verdict.reason, _plain(verdict.message))
    return verdict


def _plain(text: str) -> str:
    """Return one line that is safe to log: damaged files may control parts of it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
