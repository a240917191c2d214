"""`onward inspect --cascade`: the request path of a bundle and settings, as a table and as a drawing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from cli.inspect.mermaid import arrow, box, flowchart, rounded

if TYPE_CHECKING:
    from rich.table import Table

    from cascade.description import Part, Role
    from service.settings import Settings
    from store.bundle import Bundle

_NUMBERS = ("at most", "timeout")
_WHOLE = ("part", "name", *_NUMBERS)  # columns that are never folded
_WIDE = 120  # columns of a terminal that has room for file names


def show_cascade(bundle: Bundle, settings: Settings, mermaid: bool) -> None:
    """Print the cascade that serves a bundle with these settings."""
    from rich.console import Console

    parts = parts_of(bundle, settings)
    if mermaid:
        typer.echo(drawing(parts, settings.budget_ms))
    else:
        console = Console()
        files = console.width >= _WIDE
        console.print(table(parts, f"{bundle.name}: one deadline of {settings.budget_ms:g} ms", files))


def parts_of(bundle: Bundle, settings: Settings) -> list[Part]:
    """Return the parts of the cascade, composed as the gateway composes it. Raises BundleError."""
    from cascade.description import describe
    from service.bundles.opening import load_bundle, share

    shared = share(settings, None)
    loaded = load_bundle(bundle, settings, shared)
    parts = describe(loaded.cascade)
    loaded.close()
    asyncio.run(shared.close())
    return parts


def table(parts: Sequence[Part], title: str, files: bool = True) -> Table:
    """Return a row per part, with the file that holds its code if `files`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, title=title)
    for name in ("part", "name", "at most", "timeout", "set to", *(("file",) if files else ())):
        number = name in _NUMBERS
        shown.add_column(name, justify="right" if number else "left", no_wrap=name in _WHOLE, overflow="fold")
    for part in parts:
        limit = "" if part.limit is None else str(part.limit)
        shown.add_row(part.role, part.name, limit, _timeout(part), part.about, *((part.file,) if files else ()))
    return shown


_LISTS = ("URL → page → answer cache,", "stored answers")


def drawing(parts: Sequence[Part], budget_ms: float) -> str:
    """Return the request path in Mermaid, from the request down to the answer."""
    lines = [
        arrow([rounded("request", "GET /recommend?url1=… or gRPC Recommend")], box("cache", *_LISTS)),
        arrow(["cache"], rounded("deadline", f"one deadline: {budget_ms:g} ms"), label="miss"),
        *_gathering(parts),
        *_ranking(parts),
        arrow(["cache"], "select", label="hit"),
        arrow(["select"], rounded("answer", "k pages, best first")),
    ]
    return flowchart(lines)


def _gathering(parts: Sequence[Part]) -> Iterator[str]:
    """Yield what runs side by side, and what joins it: down to the filters."""
    recall, filters = ([part for part in parts if part.role == role] for role in ("recall", "filter"))
    trigger, merge, hydrate = (_only(parts, role) for role in ("trigger", "merge", "hydrate"))
    paths = [f"recall_{part.name}" for part in recall]
    for key, part in zip(paths, recall, strict=True):
        yield arrow(["deadline"], box(key, part.name, part.file, _limits(part)))
    yield arrow(["deadline"], box("trigger", "the reader's page", trigger.file, _limits(trigger)))
    yield arrow(paths or ["deadline"], box("merge", "merge", merge.file))
    yield arrow(["merge"], box("hydrate", "page facts", hydrate.file, _limits(hydrate)))
    names = _rows([part.name for part in filters])
    yield arrow(["hydrate", "trigger"], box("filters", "filters", *names, *_files(filters)))


def _ranking(parts: Sequence[Part]) -> Iterator[str]:
    """Yield the stages, `select`, and the fallback beside them."""
    above, passed = "filters", ""
    columns: list[Part] = []
    for part in parts:
        if part.role in ("column", "anytime"):
            columns.append(part)
        elif part.role == "stage":
            key = f"stage_{part.name}"
            yield arrow([above], box(key, *_stage(part, columns)), label=passed)
            above, passed, columns = key, f"at most {part.limit}", []
    select, fallback = _only(parts, "select"), _only(parts, "fallback")
    yield arrow([above], box("select", "select", select.about, select.file), label=passed)
    shown = box("fallback", fallback.name, fallback.file, _limits(fallback))
    yield arrow(["filters"], shown, label="none left", dotted=True)
    yield arrow(["fallback"], "select", dotted=True)


def _stage(stage: Part, columns: Sequence[Part]) -> Iterator[str]:
    yield f"{stage.name} · {_timeout(stage)}"
    yield ", ".join(part.name for part in columns if part.role == "column")
    for part in columns:
        if part.role == "anytime":
            yield f"{part.name}, best pages first, while time lasts"
            yield part.file
    yield stage.about
    yield stage.file


def _only(parts: Sequence[Part], role: Role) -> Part:
    return next(part for part in parts if part.role == role)


def _limits(part: Part) -> str:
    return " · ".join(filter(None, ("" if part.limit is None else f"at most {part.limit}", _timeout(part))))


def _timeout(part: Part) -> str:
    return "" if part.timeout_s is None or math.isinf(part.timeout_s) else f"{part.timeout_s * 1e3:g} ms"


def _files(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.file for part in parts))


def _rows(names: Sequence[str], wide: int = 4) -> list[str]:
    return [", ".join(names[start : start + wide]) for start in range(0, len(names), wide)]
