"""`onward qprime`: trains a small query writer on the queries of a large one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.held_out_options import SATISFIED_S, SatisfiedS
from cli.options import BundleName

if TYPE_CHECKING:
    from recall.qprime.small_writer.instructions import Counts

qprime = typer.Typer(help="Train a small query writer.", no_args_is_help=True)


@qprime.callback()
def _group() -> None:
    """Train a small query writer."""


@qprime.command("export-sft")
def export_sft(
    queries: Annotated[
        Path, typer.Option("--queries", help="Queries of the language model: Parquet, one row per page.")
    ],
    pages: Annotated[Path, typer.Option("--pages", help="The pages.parquet that the build reads.")],
    out: Annotated[Path, typer.Option("--out", help="Output file, one conversation per line.")],
    clicked: Annotated[bool, typer.Option("--clicked", help="Only queries that found a satisfied click.")] = False,
    bundles: Annotated[
        Path | None, typer.Option("--bundles", help="With --clicked: bundles with the one that was served.")
    ] = None,
    bundle: BundleName = None,
    impressions: Annotated[Path | None, typer.Option(help="With --clicked: impressions with clicks.")] = None,
    satisfied_s: SatisfiedS = SATISFIED_S,
    prompt: Annotated[Path | None, typer.Option(help="A prompt with $url, $title, $text and $language.")] = None,
) -> None:
    """Write instruction data for a small writer from the queries of a large one."""
    from recall.qprime.small_writer.instructions import Counts, instructions
    from recall.qprime.writers.page_prompt import packaged_prompt, read_prompt

    kept = None
    if clicked:
        if bundles is None or impressions is None:
            raise typer.BadParameter("--clicked needs --bundles and --impressions, to know which pages were clicked")
        kept = _satisfied(bundles, bundle, impressions, satisfied_s)
    counts = Counts()
    asked = packaged_prompt("small_writer") if prompt is None else read_prompt(prompt)
    working = out.with_name(f".{out.name}.writing")  # invalid input leaves no incomplete file
    try:
        with working.open("wb") as file:
            file.writelines(instructions(queries, pages, asked, counts, kept))
        working.replace(out)
    finally:
        working.unlink(missing_ok=True)
    _print_counts(out, counts)


@qprime.command("train-writer")
def train_writer(
    base: Annotated[
        str,
        typer.Option("--base", help="The model to start from: a name of `onward llm models`, a path or a hub name."),
    ],
    data: Annotated[Path, typer.Option("--data", help="Conversations that export-sft wrote.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of the adapter; a killed run resumes there.")],
    merge: Annotated[
        bool, typer.Option("--merge", help="Also write the merged model, to serve it; of a GGUF file as one.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 1_000,
    batch: Annotated[int, typer.Option(min=1, help="Conversations per step.")] = 8,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate.")] = 2e-4,
    rank: Annotated[int, typer.Option(min=1, help="Rank of the adapters.")] = 16,
    alpha: Annotated[float, typer.Option(min=0, help="Adapters are scaled by alpha / rank.")] = 32.0,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Dropout of the adapters' input.")] = 0.05,
    max_length: Annotated[int, typer.Option(min=16, help="In tokens; longer conversations are left out.")] = 2_048,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 100,
    seed: Annotated[int, typer.Option(help="Random seed of batches, dropout and initial weights.")] = 0,
) -> None:
    """Fine-tune a language model to write queries, with LoRA; run it again to resume a killed run."""
    from rich.console import Console
    from rich.progress import Progress

    from recall.qprime.small_writer.train import SmallWriterConfig
    from recall.qprime.small_writer.train import train_writer as train
    from store.model_files import is_gguf
    from store.one_run import alone_in
    from text_model.distributed import world

    path = _path_of(base)
    config = SmallWriterConfig(rank, alpha, dropout, rate, steps, batch, max_length, checkpoint_every, seed)
    mine = alone_in(out, "onward qprime train-writer", make=True) if world().main else nullcontext()
    with mine, Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("train", total=steps)
        trained = train(path, data, out, config, merge, lambda done: bar.update(task, completed=done))
    losses = trained.curve.losses["answer"]
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    typer.echo(
        f"{trained.adapter}: {trained.conversations:,} conversations, loss {first:.3f} at first, {last:.3f} at last"
    )
    if trained.too_long:
        typer.echo(f"  {trained.too_long:,} left out: longer than {max_length:,} tokens", err=True)
    if trained.merged is not None:
        typer.echo(f"{trained.merged}: the merged model, for a server with an OpenAI API")
    if trained.served is not None:
        typer.echo(f"{trained.served}: the same; serve it with `onward llm serve --model {trained.served}`")
    elif merge and is_gguf(path):
        typer.echo("  no merged.gguf: only models like LLaMA or Qwen2 can be written as one", err=True)


def _path_of(base: str) -> str:
    """Return the file of a listed model, downloaded if needed; any other base unchanged."""
    from prompting.local.models import MODELS
    from prompting.local.weights import default_cache, weights
    from text_model.distributed import world

    if base not in MODELS:
        return base
    if world().main:  # one process downloads it
        weights(MODELS[base], default_cache(), lambda line: typer.echo(line, err=True))
    world().wait()
    return str(default_cache() / f"{base}.gguf")


def _satisfied(bundles: Path, name: str | None, impressions: Path, satisfied_s: float) -> dict[int, frozenset[str]]:
    from recall.qprime.small_writer.satisfied import satisfied_queries
    from store.addresses import open_addresses
    from store.bundle import open_bundle
    from store.tables import LmdbTable

    bundle = open_bundle(bundles, name)
    table, addresses = LmdbTable(bundle.file("tables/qprime.lmdb")), open_addresses(bundle)
    try:
        return satisfied_queries(table, impressions, satisfied_s, addresses.page)
    finally:
        table.close()
        addresses.close()


def _print_counts(out: Path, counts: Counts) -> None:
    typer.echo(
        f"{out}: {counts.conversations:,} conversations, {counts.none:,} of them N/A, {counts.queries:,} queries"
    )
    for what, left_out in (("pages", counts.pages_left_out), ("queries", counts.queries_left_out)):
        for why, count in (+left_out).most_common():
            typer.echo(f"  {count:,} {what} left out: {why}", err=True)
