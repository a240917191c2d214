"""`onward refresh`: renews old rows of a bundle without a build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import REDIS_URL, Bundles, Config, Overrides, settings_of

if TYPE_CHECKING:
    from pipeline.refresh import Refreshed

app = typer.Typer(help="Renew old rows of a bundle without a build.", no_args_is_help=True)

_AGE = re.compile(r"(\d{1,4})d?")


@app.callback()
def refresh() -> None:
    """Renew old rows of a bundle without a build."""


@app.command()
def qprime(
    bundles: Bundles,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DAYS", help="Age, such as 7d; 0d renews all rows.")
    ] = "7d",
    redis: Annotated[
        str | None,
        typer.Option("--redis", envvar=REDIS_URL, help="Renew the rows in Redis, while gateways read them."),
    ] = None,
) -> None:
    """Renew Q' rows that are old, incomplete or missing, and add rows for unknown pages that callers requested.

    Without --redis the renewed rows make a new current bundle. A page whose queries cannot be searched keeps its row.
    """
    from contextlib import ExitStack

    from pipeline.refresh import BundleRows, RedisRows, refresh_qprime
    from recall.qprime.step import today
    from service.bundles.check_before_publish import opens
    from store.bundle import open_bundle
    from store.disk_space import report_full_disk
    from store.one_run import alone_in
    from store.redis.client import connected
    from store.redis.url import parse
    from store.unknown_pages import FILE, RedisUnknownPages, SqliteUnknownPages, UnknownPages

    oldest = today() - _days(older_than) + 1
    with alone_in(bundles, "onward refresh qprime"), report_full_disk(bundles), ExitStack() as stack:
        bundle = open_bundle(bundles)
        waiting: UnknownPages = SqliteUnknownPages(bundles / FILE)
        rows: BundleRows | RedisRows = BundleRows(bundles, bundle, opens)
        if redis is not None:
            client = stack.enter_context(connected(parse(redis)))
            waiting, rows = RedisUnknownPages(lambda: client), RedisRows(client, bundle)
        done = refresh_qprime(bundles, bundle, rows, oldest, waiting.waiting())
        waiting.remove(done.settled)
    _show(done)


@app.command()
def answers(
    bundles: Bundles,
    redis: Annotated[
        str | None,
        typer.Option("--redis", envvar=REDIS_URL, help="Renew the rows in Redis, while gateways read them."),
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Renew stored answers whose inputs have changed since they were made, and add missing ones.

    Without --redis they make a new current bundle. Run it after `onward refresh qprime`, and after a change of the
    gateway's limits, with the gateway's settings: a gateway does not use answers that were made with other limits.
    """
    import asyncio
    from contextlib import ExitStack

    from cli.many_pages import side_by_side
    from cli.refresh_answers import refresh
    from store.bundle import open_bundle
    from store.disk_space import report_full_disk
    from store.one_run import alone_in
    from store.redis.client import connected
    from store.redis.url import parse

    settings = settings_of(config, [*side_by_side(), *(overrides or ())])
    with alone_in(bundles, "onward refresh answers"), report_full_disk(bundles), ExitStack() as stack:
        bundle = open_bundle(bundles)
        client = None if redis is None else (redis, stack.enter_context(connected(parse(redis))))
        done = asyncio.run(refresh(bundles, bundle, settings, client))
    typer.echo(f"{done.bundle}: {done.made:,} answers made, {done.kept:,} unchanged")


def _days(text: str) -> int:
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text} is not a number of days: give one such as 7d", param_hint="--older-than")
    return int(found[1])


def _show(done: Refreshed) -> None:
    typer.echo(f"{done.bundle}: {done.renewed:,} of {done.due:,} rows renewed, {done.kept:,} left unchanged")
    if done.unknown:
        typer.echo(f"{len(done.unknown):,} of them are of unknown pages")
