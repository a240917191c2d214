"""Shows how far a step has come: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from text_model.distributed import world

console = Console(stderr=True)

_EVERY_S = 10.0


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress; yields a function to call with the work done so far."""
    if not world().main:
        yield lambda done: None
    elif console.is_terminal:
        with _bar(title) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield Lines(title, total, console.print).show


def _bar(title: str) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), RateColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(TextColumn(f"  {title:<24}"), *columns, console=console, transient=True)


class RateColumn(ProgressColumn):
    """Shows how much is done per second, or per minute where it is below one."""

    def render(self, task: Task) -> Text:
        """Return the rate; nothing before it is known."""
        return Text(_per(task.speed) if task.speed else "", style="progress.data.speed")


class Lines:
    """Prints a line every ten seconds, with the rate and the time left; none for work that is shorter."""

    def __init__(
        self, title: str, total: int, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title, self._total, self._write, self._clock = title, total, write, clock
        self._start = self._shown = clock()
        self._before: int | None = None  # done when first told: a killed run's, and a start's, are no part of the rate

    def show(self, done: int) -> None:
        """Print a line if one is due."""
        now = self._clock()
        if self._before is None or done < self._before:
            self._before, self._start = done, now
        if now - self._shown < _EVERY_S:
            return
        self._shown = now
        rate = (done - self._before) / (now - self._start) if now > self._start else 0.0
        left = f"{_duration(max(0, self._total - done) / rate)} left" if rate > 0 else "time left unknown"
        share = f"{done:,}/{self._total:,} ({100 * done // max(1, self._total)} %)"
        speed = f"  {_per(rate)}" if rate > 0 else ""
        self._write(f"  {self._title:<24} {share}{speed}  {left}")


def _per(rate: float) -> str:
    """Return a rate per second, or per minute where it is below one."""
    return f"{rate:,.1f}/s" if rate >= 1 else f"{60 * rate:,.1f}/min"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
