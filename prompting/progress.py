"""The progress bar of a judge: pairs, pairs per second, tokens spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from prompting.concurrent_calls import Progress as Report


class _Rate(TextColumn):
    """Pairs per second and tokens so far."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed or 0.0
        return Text(f"{rate:,.1f} pairs/s  {task.fields['tokens']:,} tokens")


@contextmanager
def pair_progress(title: str, pairs: int) -> Iterator[Report]:
    """Show a bar on stderr; yields a function to call with the pairs done and tokens spent."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=pairs, tokens=0)
        yield lambda done, tokens: bar.update(task, completed=done, tokens=tokens)
