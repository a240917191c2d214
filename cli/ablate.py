"""`onward ablate`: reproduces the paper's tables on a data set, beside the paper's own figures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.ablate_evidence import evidence
from cli.ablate_knowledge import knowledge
from cli.build import config_of
from cli.held_out_options import SATISFIED_S, Clicks, Impressions, MostPages, SatisfiedS, TruthFile
from cli.many_pages import without_time_limits
from cli.options import Json, Overrides, Profile, utc

if TYPE_CHECKING:
    from ablations.tables import Table

_WIDTH = 110  # of a printed table


class _TablesByDefault(TyperGroup):
    """Reads `onward ablate --data …` as `onward ablate tables --data …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["tables", *args]
        left: list[str] = super().parse_args(ctx, args)
        return left


ablate = typer.Typer(help="Reproduce papers' tables on a data set.", no_args_is_help=True, cls=_TablesByDefault)
ablate.command()(evidence)
ablate.command()(knowledge)


@ablate.command()
def tables(
    data: Annotated[Path, typer.Option("--data", help="Directory with pages, clicks, impressions, labels.")],
    clicks: Clicks,
    out: Annotated[Path, typer.Option("--out", help="The report: one HTML file.")],
    impressions: Impressions = None,
    truth: TruthFile = None,
    golden: Annotated[Path | None, typer.Option(help="Pairs labelled by people, for table 1.")] = None,
    json: Json = None,
    until: Annotated[
        datetime | None, typer.Option(help="Build from rows before this time, measure on later ones.")
    ] = None,
    profile: Annotated[Profile, typer.Option(help="As for `onward build`.")] = Profile.QUICK,
    config: Annotated[Path | None, typer.Option("--config", help="The build's settings.")] = None,
    overrides: Overrides = None,
    seeds: Annotated[int, typer.Option(min=1, help="Build everything with this many random seeds.")] = 3,
    tables: Annotated[str, typer.Option(help="Which tables, separated by commas.")] = "1,2,3,5",
    most_pages: MostPages = None,
    quality_weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="λ; by default chosen by the rule.")
    ] = None,
    bound: Annotated[float, typer.Option(min=0, max=1, help="Largest share of clicks to give up for quality.")] = 0.005,
    satisfied_s: SatisfiedS = SATISFIED_S,
    work: Annotated[
        Path | None, typer.Option("--work", help="Where the arms are built; by default beside --out.")
    ] = None,
) -> None:
    """Build the paper's arms, compare them, and write one report. Run it again to resume a killed run."""
    import orjson

    from ablations.measure import measure
    from ablations.plan import Plan
    from ablations.report import facts_of, html
    from ablations.results import results
    from cli.options import settings_of

    plan = Plan(
        data=data,
        clicks=clicks,
        impressions=impressions,
        truth=truth,
        golden=golden,
        until=utc(until),
        work=work or out.with_suffix(".work"),
        config=config_of(config, profile, overrides),
        serving=settings_of(None, list(without_time_limits())),
        seeds=seeds,
        tables=_numbers(tables),
        most_pages=most_pages,
        quality_weight=quality_weight,
        bound=bound,
        satisfied_s=satisfied_s,
    )
    _check_files(out, [golden] if plan.tables == (1,) else [clicks, impressions, truth, golden])
    measured = measure(plan)
    found = results(plan, measured)
    facts = facts_of(plan, measured, profile.value, overrides or [])
    out.write_text(html(found, facts))
    if json is not None:
        body = {
            "facts": facts,
            "weights": found.weights,
            "rule": found.rule,
            "tables": [table.as_dict() for table in found.tables],
            "curve": [point.as_dict() for point in found.curve],
        }
        json.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    _show(found.tables)
    typer.echo(f"{out}: the report")


def _check_files(out: Path, given: list[Path | None]) -> None:
    """Raise BadParameter for files that would otherwise be missed only after an hour of building."""
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"{out}: {out.parent} is not a directory: create it first")
    for file in given:
        if file is not None and not file.is_file():
            raise typer.BadParameter(f"{file} is not a file")


def _numbers(tables: str) -> tuple[int, ...]:
    from ablations.plan import TABLES

    known = {str(number): number for number in TABLES}
    asked = [name.strip() for name in tables.split(",")]
    if unknown := [name for name in asked if name not in known]:
        raise typer.BadParameter(f"unknown table {unknown[0]}: choose from {', '.join(known)}")
    return tuple(sorted({known[name] for name in asked}))


def _show(tables: list[Table]) -> None:
    from rich.console import Console
    from rich.table import Table as Printed

    from ablations.page import cells

    console = Console(width=max(Console().width, _WIDTH))
    for table in tables:
        printed = Printed("row", "metric", "here", "paper", "agrees", title=f"Table {table.number}: {table.title}")
        for row in table.rows:
            for number, (column, figure) in enumerate(row.figures.items()):
                texts = ("" if number else row.name, column, *cells(figure)[:3])
                printed.add_row(*(text.replace("[", r"\[") for text in texts))
        if table.rows:
            console.print(printed)
        for note in table.notes:
            typer.echo(f"Table {table.number}: {note}")
