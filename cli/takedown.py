"""`onward takedown`: blocks one page on all gateways at once, in every answer that is kept anywhere."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from cli.options import REDIS_URL


def takedown(
    url: Annotated[str, typer.Argument(help="The page, in any spelling of its URL.")],
    redis: Annotated[
        str | None, typer.Option("--redis", envvar=REDIS_URL, help="The Redis that the gateways use.")
    ] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="Or the gateways' file of rules.")] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    author: Annotated[str, typer.Option(help="Who; by default your login name.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Show the page again.")] = False,
) -> None:
    """Never show a page again, from now on: no restart, no build."""
    from service.rules.sources import takedown as rule_of

    rule = rule_of(url, author or getpass.getuser(), note)
    if (redis is None) == (rules is None):
        raise typer.BadParameter("give --redis URL or --rules FILE, whichever the gateways read")
    if redis is not None:
        _in_redis(redis, rule.url, rule.author, note, lift)
    elif rules is not None:
        _in_file(rules, rule.url, rule.author, note, lift)
    typer.echo(f"{rule.url} is {'shown again' if lift else 'taken down'}: gateways follow within a second")


def _in_redis(redis: str, url: str, author: str, note: str, lift: bool) -> None:
    from datetime import UTC, datetime

    import orjson

    from corpus.urls.url import canonical
    from store.redis.client import connected
    from store.redis.rules import StoredRules
    from store.redis.url import parse

    with connected(parse(redis)) as client:
        stored = StoredRules(lambda: client)
        if lift:
            if not stored.lift(canonical(url)):
                raise typer.BadParameter(f"{url} is not taken down in Redis: give the URL as it was taken down")
            return
        about = {"author": author, "note": note, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        stored.take_down(canonical(url), orjson.dumps(about))


def _in_file(path: Path, url: str, author: str, note: str, lift: bool) -> None:
    from configs.plain_words import example
    from configs.text_file import read_text
    from service.rules.reading import parse
    from store.bundle import write_atomically

    if lift:
        raise typer.BadParameter(f"delete the rule that blocks {url} from {path}: the file is yours to edit")
    before = read_text(path) if path.exists() else ""
    told = {"action": "block", "url": url, "author": author, "note": note or "takedown"}
    entry = "\n".join(["[[rule]]", *(f"{name} = {example(value)}" for name, value in told.items())])
    after = f"{before.rstrip()}\n\n{entry}\n".lstrip()
    parse(after, str(path))
    write_atomically(path, after.encode())
