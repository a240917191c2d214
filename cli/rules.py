"""`onward rules`: tries rules before they are in force, and puts them into Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.many_pages import at_once, side_by_side
from cli.options import REDIS_URL, BundleName, Config, Overrides, settings_of

if TYPE_CHECKING:
    from rich.table import Table

    from service.dry_run import Change, DryRun
    from service.rules.rule import Rule
    from service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Live rules: block, pin, boost and bury pages.")

RulesPath = Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file of rules.")]
TargetRedis = Annotated[str, typer.Option("--redis", envvar=REDIS_URL, help="Such as redis://host:6379/0.")]


@app.command()
def check(
    file: RulesPath,
    bundles: Annotated[Path | None, typer.Option("--bundles", help="Try the rules on this bundle's answers.")] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="Try the most asked pages, so many.")] = 1_000,
    show: Annotated[int, typer.Option(min=0, max=100, help="Show so many changed answers, side by side.")] = 3,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Check a file; with --bundles also say which of the most asked answers it changes."""
    from service.rules.reading import read_file

    rules = read_file(file)
    counts = {action: sum(rule.action == action for rule in rules) for action in ("block", "pin", "boost", "bury")}
    typer.echo(f"{file}: {len(rules)} valid rules ({', '.join(f'{n} {action}' for action, n in counts.items() if n)})")
    if bundles is not None:
        settings = settings_of(config, [*side_by_side(), "cache.max_mb=64", *(overrides or ())])
        _print(asyncio.run(_tried(rules, bundles, bundle, settings, most)), show)


@app.command()
def push(file: RulesPath, redis: TargetRedis) -> None:
    """Check a file and put it into Redis, in place of the rules there; gateways with --redis follow within a second."""
    from configs.text_file import read_text
    from service.rules.reading import read_file
    from store.redis.client import connected
    from store.redis.rules import StoredRules
    from store.redis.url import parse

    rules = read_file(file)
    with connected(parse(redis)) as client:
        revision = StoredRules(lambda: client).replace_document(read_text(file))
    typer.echo(f"{len(rules)} rules are in Redis, revision {revision}")


async def _tried(rules: tuple[Rule, ...], bundles: Path, bundle: str | None, settings: Settings, most: int) -> DryRun:
    from rich.console import Console
    from rich.progress import Progress

    from service.bootstrap import load
    from service.bundles.sample_answers import take
    from service.dry_run import most_asked, try_rules

    gateway = load(bundles, settings, bundle=bundle)
    try:
        live = gateway.live.bundle
        await take(live, live.warmup[:1], settings.budget_ms / 1e3)  # until timed, the model scores in parts
        urls = most_asked(live.addresses, most)
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("answers", total=2 * len(urls))
            return await try_rules(gateway, rules, urls, at_once(), lambda: bar.advance(task))
    finally:
        await gateway.close()


def _print(run: DryRun, show: int) -> None:
    from rich.console import Console

    console = Console()
    share = len(run.changes) / max(1, run.asked)
    typer.echo(f"{len(run.changes)} of the {run.asked:,} most asked answers change ({share:.1%})")
    for label, answers in run.hits.most_common(20):
        typer.echo(f"  {label}: acts on {answers} answers")
    for rule in run.idle[:20]:
        typer.echo(f"  {rule.label}: acts on none of them")
    for change in run.changes[:show]:
        console.print(changed_answer(change))


def changed_answer(change: Change) -> Table:
    """Return the answers of a page, now and with the rules, side by side."""
    from itertools import zip_longest

    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table("", box=SIMPLE_HEAD, title=Text(change.url1), title_justify="left")
    table.add_column("now", overflow="fold")  # URLs often differ at their ends only
    table.add_column("with the rules", overflow="fold")
    for place, (old, new) in enumerate(zip_longest(change.before, change.after, fillvalue=""), 1):
        gone, came = old not in change.after, new not in change.before
        table.add_row(str(place), Text(old, "red" if gone else ""), Text(new, "green" if came else ""))
    return table
