"""`onward corpus`: writes a demo corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

corpus = typer.Typer(help="Write a demo corpus.", no_args_is_help=True)


@corpus.callback()
def _group() -> None:
    """Write a demo corpus."""


@corpus.command("python-docs")
def python_docs(
    out: Annotated[Path, typer.Option("--out", help="Directory for pages, clicks and impressions.")],
    seed: Annotated[int, typer.Option(help="Random seed of the simulated readers.")] = 0,
) -> None:
    """Write the demo corpus: documentation of the standard library, with sessions from this machine's Python files."""
    from corpus.demo.python_docs import write

    summary = write(out, seed)
    typer.echo(
        f"{out}: {summary.pages:,} pages, {summary.sessions:,} sessions with {summary.visits:,} visits"
        f" from {summary.files:,} Python files, {summary.impressions:,} simulated impression rows"
    )
