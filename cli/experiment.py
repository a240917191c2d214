"""`onward experiment`: what readers did in each arm of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.held_out_options import SATISFIED_S, SatisfiedS
from cli.options import Json

if TYPE_CHECKING:
    from evaluation.experiments.report import Report

app = typer.Typer(help="Compare the arms of an experiment.", no_args_is_help=True)


@app.callback()
def experiment() -> None:
    """Compare the arms of an experiment."""


@app.command()
def report(
    events: Annotated[Path, typer.Option("--events", help="A Parquet file of events, or a directory of them.")],
    name: Annotated[str, typer.Option("--experiment", help="Name of the experiment.")],
    control: Annotated[str | None, typer.Option(help="The arm to compare with; by default the first by name.")] = None,
    share: Annotated[
        list[str] | None, typer.Option("--share", metavar="ARM=SHARE", help="Shares of units, if they are not equal.")
    ] = None,
    effect: Annotated[float, typer.Option(min=0.001, max=10, help="Relative effect to plan for.")] = 0.05,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Pairs with quality 0 to 4 (url1, url2, quality), for RecoDCG.")
    ] = None,
    satisfied_s: SatisfiedS = SATISFIED_S,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML file.")] = None,
    json: Json = None,
) -> None:
    """Compare clicks and quality of the arms, by tests that stay valid however often you look."""
    import orjson

    from evaluation.experiments.report import Options, report_on
    from evaluation.reports import experiment_report

    options = Options(control, _shares(share or []), effect, truth, satisfied_s)
    found = report_on(events, name, options)
    _show(found)
    if html is not None:
        html.write_text(experiment_report.html(found))
    if json is not None:
        json.write_bytes(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2))


def _shares(given: list[str]) -> dict[str, float] | None:
    found = {}
    for text in given:
        arm, _, number = text.partition("=")
        try:
            found[arm] = float(number)
        except ValueError:
            raise typer.BadParameter(f"--share {text}: write ARM=SHARE, such as quality=0.5") from None
        if not 0 < found[arm] <= 1:
            raise typer.BadParameter(f"--share {text}: give a share above 0, up to 1")
    return found or None


def _show(found: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from evaluation.reports import experiment_report as texts
    from evaluation.reports.document import interval_text

    console = Console()
    console.print(f"[bold]{found.experiment}[/bold]")
    for name, value in texts.facts(found).items():
        console.print(f"  {name}: {value}", highlight=False)
    if found.arms:
        arms = Table("arm", "units", "impressions", *(metric.name for metric in found.metrics))
        for arm in found.arms:
            values = (interval_text(arm.values[metric.name], metric.places) for metric in found.metrics)
            arms.add_row(arm.name, f"{arm.units:,}", f"{arm.impressions:,}", *values)
        console.print(arms)
        control = found.arms[0].name
        for of in found.differences:
            arm_name, metric, difference, relative, p, valid, valid_p, verdict = texts.difference_cells(of, control)
            console.print(f"{arm_name} against {control}, {metric}: [bold]{verdict}[/bold]", highlight=False)
            console.print(f"  at one look {difference} ({relative} %), p = {p}", highlight=False, markup=False)
            console.print(f"  always valid {valid}, p = {valid_p}", highlight=False, markup=False)
    for credit in found.credits:
        console.print(f"{credit.first} and {credit.second} in one list", highlight=False)
        for name, value in texts.credit_facts(credit).items():
            console.print(f"  {name}: {value}", highlight=False, markup=False)
    for warning in found.warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
