"""The `onward` command. A command is one module of `service/commands`; what it needs is imported when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.commands import errors
from service.commands.ablate import ablate
from service.commands.build import build
from service.commands.bundles import bundles
from service.commands.corpus import corpus
from service.commands.evaluate import evaluate
from service.commands.inspect import inspect
from service.commands.judge import judge
from service.commands.push import push
from service.commands.qprime import qprime
from service.commands.recommend import recommend
from service.commands.refresh import app as refresh
from service.commands.rollback import rollback
from service.commands.score import score
from service.commands.serve import serve
from service.commands.simulate import simulate
from service.commands.tradeoff import tradeoff

app = typer.Typer(
    name="onward",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"onward {version('onward')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Web pages worth reading next."""


# Online. Modules imported here may import typer and the standard library alone: `--help` must be instant.
app.command()(serve)
app.command()(recommend)
app.command()(push)
app.command()(inspect)
app.command()(bundles)
app.command()(rollback)
# Offline.
app.command()(ablate)
app.add_typer(corpus, name="corpus")
app.command()(build)
app.command()(evaluate)
app.command()(judge)
app.add_typer(refresh, name="refresh")
app.add_typer(qprime, name="qprime")
app.command()(score)
app.command()(simulate)
app.command()(tradeoff)


def main() -> None:
    """Run the command line; an error that a user can mend is one line and exit code 1."""
    try:
        app()
    except Exception as error:
        if (line := errors.one_line(error)) is None:
            raise
        typer.secho(line, fg="red", err=True)
        sys.exit(1)
