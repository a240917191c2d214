"""`onward replay`: asks two bundles, or a bundle and a gateway, what readers asked, and compares the answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Config, Json, Overrides, settings_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from replay.asking import Side
    from replay.compare import Comparison


def replay(
    events: Annotated[
        Path, typer.Option("--events", help="Requests: a table with a column url1, or a .txt with a URL per line.")
    ],
    bundles: Annotated[Path, typer.Option("--bundles", help="Directory of published bundles.")],
    bundle: Annotated[str | None, typer.Option("--bundle", help="The first side; by default the current one.")] = None,
    against: Annotated[str | None, typer.Option("--against", help="The second side: another bundle.")] = None,
    shadow: Annotated[str | None, typer.Option("--shadow", help="A running gateway, asked instead or as well.")] = None,
    key: Annotated[str | None, typer.Option("--key", envvar="ONWARD_KEY", help="Its API key.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=30, help="Pages per answer.")] = 5,
    most: Annotated[int, typer.Option(min=1, help="Ask for so many pages, drawn by how often they were asked.")] = 1000,
    at_once: Annotated[
        int, typer.Option(min=1, max=64, help="Requests in parallel; more than one makes times longer.")
    ] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Write an HTML report.")] = None,
    json: Json = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Replay a request log: how many answers change, which, how good and how fast they are."""
    import orjson

    from corpus.files.asked_urls import read_asked
    from replay.asking import ask_bundle, ask_gateway
    from replay.compare import compare
    from replay.report import html
    from store.bundle import open_bundle

    if against is None and shadow is None:
        raise typer.BadParameter("name what to compare with: --against BUNDLE or --shadow URL")
    if against is not None:
        open_bundle(bundles, against)  # a wrong name costs no time
    settings = settings_of(config, ["cache.max_mb=0", "unknown.most=0", *(overrides or ())])
    asked = _drawn(read_asked(events), most)
    urls = list(asked)
    sides: list[Side] = []
    for name in (bundle, *([against] if against else [])):
        with _progress(name or "current", len(urls)) as advance:
            sides.append(ask_bundle(bundles, name, settings, urls, k, at_once, advance))
    if shadow:
        with _progress(shadow, len(urls)) as advance:
            sides.append(ask_gateway(shadow, urls, k, at_once, key, advance))
    found = [compare(sides[0], side, asked) for side in sides[1:]]
    for comparison in found:
        _print(comparison)
    if out is not None:
        out.write_text(html(f"Replay of {events.name}", found, sides), encoding="utf-8")
        typer.echo(f"report: {out}")
    if json is not None:
        json.write_bytes(orjson.dumps([_figures(one) for one in found], option=orjson.OPT_INDENT_2))


def _drawn(asked: Counter[str], most: int) -> Counter[str]:
    """Return at most so many pages, each with a chance that grows with how often it was asked for."""
    from collections import Counter

    import numpy as np

    if len(asked) <= most:
        return asked
    urls, counts = list(asked), np.array(list(asked.values()), np.float64)
    drawn = np.random.default_rng(0).choice(len(urls), most, replace=False, p=counts / counts.sum())
    return Counter({urls[place]: asked[urls[place]] for place in sorted(drawn.tolist())})


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=total)
        yield lambda: bar.advance(task)


def _print(found: Comparison) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from replay.report import facts, figures

    console = Console()
    for name, value in facts(found).items():
        console.print(f"{name:<30} {value}", highlight=False)
    table = Table("", found.left.name, found.right.name, box=SIMPLE_HEAD)
    one, other = figures(found.left), figures(found.right)
    for name in dict.fromkeys((*one, *other)):
        table.add_row(name, one.get(name, "0.0%"), other.get(name, "0.0%"))
    console.print(table)


def _figures(found: Comparison) -> dict[str, object]:
    return {
        "pages": found.pages,
        "requests": found.requests,
        "same": found.same,
        "measures": {name: value.as_dict() for name, value in found.measures.items()},
        "drift": found.drift,
        "sides": [found.left, found.right],
        "changes": [{"url1": each.url1, "asked": each.asked, "alike": each.alike} for each in found.changes],
    }
