"""`onward llm`: serves a small language model on this machine, for the judge and the query writer."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

llm = typer.Typer(help="Serve a small language model locally.", no_args_is_help=True)


@llm.callback()
def _group() -> None:
    """Serve a small language model locally."""


@llm.command()
def models() -> None:
    """List the models that can be downloaded."""
    from prompting.local.models import DEFAULT, MODELS

    for model in MODELS.values():
        default = " (default)" if model.name == DEFAULT else ""
        typer.echo(f"{model.name}{default}: {model.size / 1e6:,.0f} MB, {model.license}; {model.about}")


@llm.command()
def serve(
    model: Annotated[
        str | None, typer.Option(help="A name that `onward llm models` lists, or the path of a GGUF file.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the API.")] = 8080,
    threads: Annotated[int, typer.Option(min=0, max=1_024, help="0: as many as cores are free.")] = 0,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Calls answered at once.")] = 4,
    context: Annotated[int, typer.Option(min=512, max=1_048_576, help="Tokens of a call's prompt and answer.")] = 8_192,
    cache: Annotated[Path | None, typer.Option(help="Directory for weights; by default in ~/.cache.")] = None,
) -> None:
    """Download a model if needed, serve it with an OpenAI-compatible API, and print the variables to set."""
    import configs.threads
    from prompting.local.models import DEFAULT, model_named
    from prompting.local.server import LocalServer, check_free, hold_signals, wait_for_signal
    from prompting.local.weights import default_cache, name_of, weights
    from store.model_files import is_gguf

    check_free(host, port)  # before a long download
    chosen = model or DEFAULT
    if is_gguf(chosen) or "/" in chosen:
        path, name = Path(chosen), name_of(Path(chosen))
    else:
        listed = model_named(chosen)
        path, name = weights(listed, cache or default_cache(), lambda line: typer.echo(line, err=True)), listed.name
    server = LocalServer(path, name, host, port, configs.threads.threads(threads), parallel, context)
    hold_signals()
    running = server.start()  # noqa: F841 - it answers while it is referred to
    with suppress(BrokenPipeError):  # nobody reads the lines; calls are answered all the same
        typer.echo(f"# {name} answers at {server.url} until Ctrl-C. In another terminal:", err=True)
        for variable, value in server.variables().items():
            typer.echo(f"export {variable}={shlex.quote(value)}")
        sys.stdout.flush()
    wait_for_signal()
    os._exit(0)  # the destructor of `running` may wait forever
