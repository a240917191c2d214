"""`onward ablate knowledge`: what external knowledge, adapter and contrast add to CTR prediction (TRAWL)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json

if TYPE_CHECKING:
    from ablations.knowledge.report import Report

_ROWS = "raw,none,basic,topic,llm,trawl,trawl-mean,no-contrast,no-adapter"


def knowledge(
    data: Annotated[Path, typer.Option("--data", help="Folder with interactions, users and movies of MovieLens.")],
    out: Annotated[Path, typer.Option("--out", help="The report: one HTML file.")],
    json: Json = None,
    work: Annotated[
        Path | None, typer.Option("--work", help="Everything computed; run again to resume. By default beside --out.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=10, help="Seeds, each with another tenth of the users as test.")] = 3,
    users: Annotated[int | None, typer.Option(min=10, help="A sample of the users; by default all.")] = None,
    backbones: Annotated[str, typer.Option(help="Recommender networks, separated by commas.")] = "din,dien,deepfm",
    rows: Annotated[str, typer.Option(help="Rows of tables 1 and 2, separated by commas.")] = _ROWS,
    sensitivity: Annotated[bool, typer.Option(help="Also vary w1, w2 and τ, on the first backbone.")] = True,
    llm_movies: Annotated[
        int, typer.Option(min=0, help="Most rated movies that the model in ONWARD_LLM_* writes of.")
    ] = 150,
    llm_users: Annotated[int, typer.Option(min=0, help="Users that it writes of.")] = 10,
    base: Annotated[str, typer.Option(help="The frozen text encoder.")] = "minilm",
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most; validation users choose.")] = 8,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate.")] = 2e-3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of training.")] = 1,
) -> None:
    """Predict who rates what above 3 on MovieLens-1M, with each kind of knowledge; the paper's figures stand beside."""
    import orjson
    import torch

    from ablations.knowledge.report import report
    from ablations.knowledge.rows import BACKBONES, ROWS
    from ablations.knowledge.run import Runner, Settings
    from ablations.knowledge.train import Training
    from ablations.knowledge.vectors import Asked
    from prompting.endpoint import read_endpoint
    from store.one_run import alone_in

    chosen = _names(rows, ROWS, "--rows")
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"--out: {out.parent} is not a directory: create it first")
    torch.set_num_threads(threads)
    settings = Settings(
        users=users, seeds=seeds, rows=chosen, backbones=_names(backbones, BACKBONES, "--backbones"),
        sensitivity=sensitivity, base=base, training=Training(epochs=epochs, rate=rate),
    )  # fmt: skip
    asked = Asked(read_endpoint(), llm_movies, llm_users)
    work = work or out.with_suffix(".work")
    with alone_in(work, "onward ablate knowledge", make=True):
        runner = Runner(data, work, settings, asked, lambda text: typer.echo(text, err=True))
        found = runner.rows()
        made = report(found, runner.sensitivity() if sensitivity and "trawl" in chosen else {}, runner)
    out.write_text(made.html())
    if json is not None:
        json.write_bytes(orjson.dumps(made.as_dict(), option=orjson.OPT_INDENT_2))
    _show(made)
    typer.echo(f"{out}: the report")


def _names(text: str, known: Collection[str], option: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in found if name not in known]:
        raise typer.BadParameter(f"{option}: unknown {unknown[0]!r}: choose from {', '.join(known)}")
    return found


def _show(made: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from ablations.knowledge.orderings import summary
    from ablations.knowledge.rows import NAMES, PAPER, ROWS

    console = Console(width=max(Console().width, 120))
    table = Table("backbone", "knowledge", "AUC", "paper", "LogLoss", "paper", title="TRAWL's tables 1 and 2")
    for cell in made.cells:
        auc, logloss = PAPER[cell.backbone][cell.row]
        own = (f"{cell.auc.mean:.4f}", f"{auc:.4f}", f"{cell.logloss.mean:.4f}", f"{logloss:.4f}")
        table.add_row(NAMES[cell.backbone], ROWS[cell.row].title, *own)
    console.print(table)
    for line in summary(made.orderings):
        typer.echo(line)
