"""`onward judge`: labels the quality of pairs of pages, and measures how well judges agree with people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import in_a_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corpus.files.pairs import PairFile
    from evaluation.golden import Accuracy
    from prompting.endpoint import Endpoint
    from prompting.judge import Judged


def judge(
    pairs: Annotated[Path | None, typer.Option("--pairs", help="Pairs to label, with their text.")] = None,
    golden: Annotated[Path | None, typer.Option("--golden", help="Pairs labelled by people.")] = None,
    prompt: Annotated[str, typer.Option(help="With --pairs: A, B or C.")] = "C",
    prompts: Annotated[str, typer.Option(help="With --golden: prompts to compare.")] = "A,B,C",
    out: Annotated[Path | None, typer.Option("--out", help="With --pairs: .jsonl, .csv or .parquet.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="With --golden: write the pairs with the largest disagreement.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Number of pairs in the sheet.")] = 50,
    report: Annotated[
        Path | None, typer.Option("--json", callback=in_a_directory, help="With --golden: write the figures as JSON.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="With --golden: judge so many pairs, all those of a few first pages.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=0, help="Limit on tokens; overrides ONWARD_LLM_MAX_TOKENS.")
    ] = None,
) -> None:
    """Label pairs 0 to 4: by the language model that ONWARD_LLM_MODEL names, or else by the rubric."""
    from prompting.endpoint import read_endpoint

    endpoint = read_endpoint()
    if endpoint is not None and max_tokens is not None:
        endpoint = endpoint.model_copy(update={"max_tokens": max_tokens})
    if (pairs is None) == (golden is None):
        raise typer.BadParameter("give either --pairs with --out, or --golden")
    if pairs is not None:
        if out is None:
            raise typer.BadParameter("--pairs needs --out: name the file for the labels")
        _label(pairs, prompt, out, endpoint)
    elif golden is not None:
        _measure(golden, prompts, sample, sheet, most, report, endpoint)


def _label(file: Path, prompt: str, out: Path, endpoint: Endpoint | None) -> None:
    """Write a row per pair: url1, url2, quality (null where unknown), source and reason."""
    import pyarrow as pa

    from corpus.files.pairs import read_pairs
    from corpus.files.writing import check_ending, write_rows
    from evaluation.judges import judge_pairs

    check_ending(out)
    read = read_pairs(file)
    if endpoint is None:
        typer.echo("ONWARD_LLM_MODEL is not set: the rubric judges", err=True)
    name, judged = judge_pairs(read.pairs, prompt, endpoint)
    write_rows(
        out,
        pa.table(
            {
                "url1": [pair.url1 for pair in read.pairs],
                "url2": [pair.url2 for pair in read.pairs],
                "quality": pa.array(judged.quality, from_pandas=True),  # NaN becomes null
                "source": [name] * len(read),
                "reason": judged.reasons,
            }
        ),
    )
    unscored = sum(judged.unscored().values())
    typer.echo(f"{out}: {len(read) - unscored:,} of {len(read):,} pairs labelled by {name}")
    _print_notes(name, judged)


def _measure(
    file: Path,
    prompts: str,
    sample: int | None,
    sheet: Path | None,
    most: int,
    report: Path | None,
    endpoint: Endpoint | None,
) -> None:
    """Print the pairwise accuracy of every judge, with the rubric and plain cosine as baselines."""
    import orjson

    from corpus.files.pairs import read_pairs
    from corpus.files.writing import check_ending, write_rows
    from evaluation.golden import accuracies, check_golden, disagreements, sampled
    from evaluation.judges import COSINE, RUBRIC, judge_pairs
    from prompting.judge_prompt import load_prompt
    from ranking.quality.text_pairs import RubricTextJudge

    names = [load_prompt(name.strip()).name for name in prompts.split(",")]
    if sheet is not None:
        check_ending(sheet)
    read = read_pairs(file)
    check_golden(read)
    read = read if sample is None else sampled(read, sample)
    rubric = RubricTextJudge()
    judged = dict([judge_pairs(read.pairs, name, endpoint) for name in names]) if endpoint else {}
    asked = list(judged) or [RUBRIC]
    judged[RUBRIC] = rubric.judge(read.pairs)
    scores = {name: one.quality for name, one in judged.items()}
    figures = accuracies(read, {**scores, COSINE: rubric.cosine(read.pairs)})
    _show(file, read, figures)
    for name, one in judged.items():
        _print_notes(name, one)
    if sheet is not None:
        write_rows(sheet, disagreements(read, {name: scores[name] for name in asked}, most))
        typer.echo(f"{sheet}: the pairs with the largest disagreement")
    if report is not None:
        unscored = {name: one.unscored() for name, one in judged.items()}
        cost = {name: one.cost() for name, one in judged.items() if one.asked}
        body = {"pairs": len(read), "accuracy": figures, "unscored": unscored, "cost": cost}
        report.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))


def _print_notes(name: str, judged: Judged) -> None:
    """Print how many pairs the judge could not score, by reason, and the tokens it used."""
    for reason, count in judged.unscored().items():
        typer.echo(f"{name}: {count:,} without a label: {reason}", err=True)
    for note, count in judged.notes.items():
        typer.echo(f"{name}: {count:,} {note}", err=True)
    if judged.asked or judged.from_cache:
        cost = judged.cost()
        pair = f" ({cost['tokens']:,.0f} and {cost['seconds']:.1f} s per pair asked)" if cost else ""
        typer.echo(f"{name}: {judged.tokens:,} tokens{pair}, {judged.from_cache:,} answers from the cache", err=True)


def _show(file: Path, read: PairFile, figures: Sequence[Accuracy]) -> None:
    from rich.console import Console
    from rich.table import Table

    labels = list(dict.fromkeys(figure.label for figure in figures))
    table = Table("judge", title=f"{file.name}: pairwise accuracy [95 % interval] over {len(read):,} pairs")
    for label in labels:
        table.add_column(label, justify="right", no_wrap=True)
    for name in dict.fromkeys(figure.judge for figure in figures):
        own = {figure.label: figure for figure in figures if figure.judge == name}
        table.add_row(name, *(str(own[label].accuracy).replace("[", r"\[") for label in labels))
    Console(width=max(Console().width, 40 + 24 * len(labels))).print(table)
