"""`onward inspect --steps`: the build graph as a table and as a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.build import changed_config, config_of
from cli.inspect.mermaid import arrow, box, flowchart, rounded
from cli.options import Profile
from pipeline.graph import steps
from pipeline.runner.step import Step

if TYPE_CHECKING:
    from rich.table import Table

    from store.bundle import Bundle

_TABLES, _BUNDLE = rounded("input_tables", "input tables"), rounded("bundle", "bundle")


def show_steps(
    bundle: Bundle | None, profile: Profile, file: Path | None, overrides: list[str] | None, mermaid: bool
) -> None:
    """Print the steps of a build with these settings, or of the build that made `bundle`."""
    from rich.console import Console

    if bundle is None:
        found = steps(config_of(file, profile, overrides))
    else:
        found = steps(changed_config(bundle.manifest.config, file, overrides))
    if mermaid:
        typer.echo(drawing(found))
    else:
        Console().print(table(found, bundle))


def table(found: Sequence[Step], bundle: Bundle | None = None) -> Table:
    """Return a row per step; with a bundle, also how long each step of its build took and what it found."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, title=bundle.name if bundle else None)
    for name in ("step", "reads", "settings", "", *(("seconds", "figures") if bundle else ())):
        number = name == "seconds"
        shown.add_column(
            name, justify="right" if number else "left", no_wrap=name in ("step", "settings"), overflow="fold"
        )
    for step in found:
        row = [step.name, ", ".join(step.after), "\n".join(step.config), ", ".join(_traits(step))]
        shown.add_row(*row, *(_measured(step.name, bundle) if bundle else ()))
    return shown


def _traits(step: Step) -> Iterator[str]:
    named = {"seeded": step.seeded, "resumes": step.resumes, "shared": step.shared, "external": step.external}
    yield from (name for name, holds in named.items() if holds)


def _measured(step: str, bundle: Bundle) -> tuple[str, str]:
    """Return a step's seconds and figures; those of an older bundle have no seconds."""
    from cli.inspect.text import shown_text

    manifest = bundle.manifest
    tables = {name: table["kept"] for name, table in manifest.data.get("tables", {}).items()}
    figures: Mapping[str, Any] = tables if step == "read" else manifest.metrics.get(step, {})
    plain = (f"{name} {shown_text(value)}" for name, value in figures.items() if isinstance(value, int | float))
    return f"{manifest.seconds[step]:,.1f}" if step in manifest.seconds else "", ", ".join(plain)


def drawing(found: Sequence[Step]) -> str:
    """Return the graph in Mermaid; an arrow that others imply is left out, so the drawing stays readable."""
    lines = []
    for step, sources in zip(found, _direct(found), strict=True):
        target = box(_key(step.name), step.name, _file(step))
        lines.append(arrow(map(_key, sources) if sources else [_TABLES], target))
    read = {name for step in found for name in step.after}
    lines.append(arrow((_key(step.name) for step in found if step.name not in read), _BUNDLE))
    return flowchart(lines)


def _direct(found: Sequence[Step]) -> Iterator[list[str]]:
    """Yield each step's inputs except those that another of its inputs reads, directly or not."""
    before: dict[str, set[str]] = {}
    for step in found:
        before[step.name] = set(step.after).union(*(before[name] for name in step.after))
        yield [name for name in step.after if not any(name in before[other] for other in step.after)]


def _key(step: str) -> str:
    return f"step_{step}"  # a bare step name could be a Mermaid keyword


def _file(step: Step) -> str:
    return f"{step.run.__module__.replace('.', '/')}.py"
