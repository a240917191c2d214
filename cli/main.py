"""The `onward` command. Each command is one module of `cli/`, and imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.ablate import ablate
from cli.build import build
from cli.bundles import bundles
from cli.corpus import corpus
from cli.evaluate import evaluate
from cli.events import events
from cli.experiment import app as experiment
from cli.import_ import import_
from cli.inspect.command import inspect
from cli.judge import judge
from cli.llm import llm
from cli.push import push
from cli.qprime import qprime
from cli.recommend import recommend
from cli.refresh import app as refresh
from cli.replay import replay
from cli.rerank_llm import rerank_llm
from cli.rollback import rollback
from cli.rules import app as rules
from cli.score import score
from cli.serve import serve
from cli.simulate import simulate
from cli.takedown import takedown
from cli.tradeoff import tradeoff
from configs.threads import wait_passively
from service.process import errors

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


# Online. Modules imported here may import only typer and the standard library: `--help` must be instant.
app.command()(serve)
app.command()(recommend)
app.command()(push)
app.command()(inspect)
app.command()(bundles)
app.command()(rollback)
app.add_typer(rules, name="rules")
app.command()(takedown)
app.add_typer(events, name="events")
# Offline.
app.add_typer(ablate, name="ablate")
app.add_typer(corpus, name="corpus")
app.command()(build)
app.command()(evaluate)
app.add_typer(experiment, name="experiment")
app.command("import")(import_)
app.command()(judge)
app.add_typer(llm, name="llm")
app.command()(replay)
app.command("rerank-llm")(rerank_llm)
app.add_typer(refresh, name="refresh")
app.add_typer(qprime, name="qprime")
app.command()(score)
app.command()(simulate)
app.command()(tradeoff)


def main() -> None:
    """Run the command line; an error that the user can fix is one line and exit code 1."""
    wait_passively()
    try:
        app()
    except Exception as error:
        if (line := errors.one_line(error)) is None:
            raise
        typer.secho(line, fg="red", err=True)
        sys.exit(1)
