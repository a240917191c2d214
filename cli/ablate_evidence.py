"""`onward ablate evidence`: what web evidence and MP-Head add to a language model that ranks (WebRec)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from cli.options import Json

if TYPE_CHECKING:
    from evidence.report import SetReport

_SETS = ("beauty", "toys")
_HEADS = "24;24,26;24,26,28"


def evidence(
    data: Annotated[Path, typer.Option("--data", help="Folder with <set>_items.parquet and <set>_sequences.parquet.")],
    work: Annotated[Path, typer.Option("--work", help="Everything computed; run it again to resume.")],
    sets: Annotated[str, typer.Option("--sets", help="Which sets, separated by commas.")] = "beauty,toys",
    model: Annotated[str, typer.Option("--model", help="A GGUF file, a folder, a hub name, or smollm2.")] = "smollm2",
    train: Annotated[int, typer.Option(min=1, help="Training tasks.")] = 240,
    validation: Annotated[int, typer.Option(min=1, help="Validation tasks.")] = 48,
    test: Annotated[int, typer.Option(min=1, help="Test tasks, each of another user.")] = 160,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 60,
    batch: Annotated[int, typer.Option(min=1, help="Training tasks of a step.")] = 4,
    first: Annotated[int, typer.Option(min=0, help="First trained layer; the ones below are computed once.")] = 24,
    heads: Annotated[str, typer.Option(help="Layers of each row: commas, rows by semicolons.")] = _HEADS,
    counts: Annotated[str, typer.Option(help="Also measure these numbers of passages, for two rows.")] = "",
    queries: Annotated[str, typer.Option(help="key_phrases or information_need (slow).")] = "key_phrases",
    noise: Annotated[float, typer.Option(min=0, max=1, help="Share of passages that are noise.")] = 0.5,
    listed: Annotated[bool, typer.Option(help="List the candidates in the prompt too.")] = False,
    items_only: Annotated[bool, typer.Option("--items-only", help="Leave out the language model's rows.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, each with other tasks.")] = 1,
    json: Json = None,
) -> None:
    """Compare a ranker with and without web evidence and MP-Head, beside popularity, transitions and a SASRec."""
    import orjson

    from evidence.ablation import AblationSettings, QueriesBy
    from evidence.report import run
    from evidence.tuning import TuningSettings
    from store.one_run import alone_in

    names = [name.strip() for name in sets.split(",")]
    if unknown := [name for name in names if name not in _SETS]:
        raise typer.BadParameter(f"--sets: unknown set {unknown[0]}: choose from {', '.join(_SETS)}")
    if queries not in get_args(QueriesBy):
        raise typer.BadParameter(f"--queries: {queries!r} is not one of {', '.join(get_args(QueriesBy))}")
    settings = AblationSettings(
        train=train, validation=validation, test=test, first=first, noise=noise, listed=listed, seed=seed,
        counts=_numbers(counts, 20, "--counts"),
        queries=cast(QueriesBy, queries), items_only=items_only,
        heads=tuple(dict.fromkeys(_numbers(row, 1_000, "--heads") for row in heads.split(";") if row.strip(" ,"))),
        tuning=TuningSettings(steps=steps, batch=batch),
    )  # fmt: skip
    with alone_in(work, "onward ablate evidence", make=True):
        reports = run(data, names, model, work, settings, seeds, lambda text: typer.echo(text, err=True))
    if json is not None:
        json.write_bytes(orjson.dumps([report.as_dict() for report in reports], option=orjson.OPT_INDENT_2))
    for report in reports:
        _show(report)


def _numbers(text: str, most: int, option: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(f"{option}: {text!r} is not a list of numbers like 1,5,20") from None
    if any(not 0 <= number <= most for number in found):
        raise typer.BadParameter(f"{option}: each number must be 0 to {most}")
    return found


def _show(report: SetReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from evidence.table import GAINED, LOSS, MAIN, PLAIN

    console = Console(width=max(Console().width, 120))
    metrics = ("HR@1", "HR@5", "HR@10", "NDCG@5", MAIN, PLAIN, LOSS)
    table = Table("row", *metrics, "α", title=f"{report.name}: {report.tasks} test tasks, 20 candidates")
    for row in report.rows:
        figures = row.figures()
        cells = ["" if name not in figures else f"{figures[name].mean:.3f}" for name in metrics]
        at = figures[MAIN]
        cells[4] = f"{at.mean:.3f} \\[{at.low:.3f}, {at.high:.3f}]"
        table.add_row(row.name, *cells, "" if row.weight is None else f"{row.weight:.2f}")
    console.print(table)
    if report.shown is None:
        return
    columns = ("row", "over", *GAINED)
    shown = f"the search found the right item of {report.shown} tasks"
    gained = Table(*columns, title=f"Differences, paired by task; {shown}")
    for gain in report.gains:
        gained.add_row(*(str(gain[column]).replace("[", r"\[") for column in columns))
    console.print(gained)
