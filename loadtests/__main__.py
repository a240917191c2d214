"""`python -m loadtests`: ask a gateway as readers would, and tell whether it kept its budget."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.options import settings_of
from loadtests.gateway import GatewayError, Target, counted, started
from loadtests.summary import Budget, summary, table
from service.process.errors import one_line

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_ROOT = LOCUSTFILE.parent.parent


class Shape(StrEnum):
    """How the number of readers goes."""

    STEADY = "steady"
    SPIKE = "spike"


def loadtest(
    bundles: Annotated[Path, typer.Option(help="Directory of bundles: served, and the source of the traffic.")],
    users: Annotated[int, typer.Option(min=1, help="Readers at a time, at most.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 30,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Requests a second of one reader, while answers are quick.")
    ] = 2,
    shape: Annotated[Shape, typer.Option(help="spike: four times the readers in the middle third.")] = Shape.STEADY,
    budget_ms: Annotated[float | None, typer.Option(help="What p99 must keep; the gateway's `budget_ms`.")] = None,
    most_errors: Annotated[float, typer.Option(min=0, max=1, help="The share of requests that may fail.")] = 0.001,
    seed: Annotated[int, typer.Option(help="Of the readers' choices.")] = 0,
    out: Annotated[Path, typer.Option(help="Where reports go.")] = Path("loadtests/out"),
    http: Annotated[
        str | None, typer.Option(help="A running gateway, instead of one started here; with --grpc.")
    ] = None,
    grpc: Annotated[str | None, typer.Option(help="Its gRPC address, host:port.")] = None,
    metrics: Annotated[str, typer.Option(help="URL of its /metrics; without it, no cache figures.")] = "",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="A setting of the started gateway.")] = None,
) -> None:
    """Load a gateway with readers over HTTP and gRPC; exit code 1 when the budget is broken, 2 without a gateway."""
    asked = {"users": users, "seconds": seconds, "rate": rate, "shape": shape.value, "seed": seed}
    directory = out / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    directory.mkdir(parents=True)
    settings = settings_of(None, overrides)
    budget = Budget(budget_ms if budget_ms is not None else settings.budget_ms, most_errors)
    target: AbstractContextManager[Target]
    if http and grpc:
        target = nullcontext(Target(http, grpc, metrics))
    else:
        target = started(bundles, overrides or [], directory / "gateway.log")
    with target as running:
        before = counted(running)
        found = _locust(running, bundles, directory, asked)
        figures = summary(found, before, counted(running), budget, asked)
    (directory / "summary.json").write_text(json.dumps(figures, indent=1))
    console = Console()
    console.print(table(figures))
    console.print(f"{directory}/report.html, {directory}/summary.json")
    for line in figures["broken"]:
        console.print(f"[red]budget broken:[/] {line}")
    if figures["broken"]:
        raise typer.Exit(1)


def _locust(target: Target, bundles: Path, directory: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Run Locust in a process of its own, and return what it wrote."""
    figures = (directory / "locust.json").absolute()
    options = {
        "--host": target.http, "--grpc": target.grpc, "--bundles": bundles.absolute(), "--readers": asked["users"],
        "--seconds": asked["seconds"], "--rate": asked["rate"], "--shape": asked["shape"], "--seed": asked["seed"],
        "--figures": figures, "--html": (directory / "report.html").absolute(),
        "--logfile": (directory / "locust.log").absolute(), "--exit-code-on-error": 0, "--stop-timeout": 10,
    }  # fmt: skip
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    command += [str(part) for option in options.items() for part in option]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if not figures.is_file():
        raise GatewayError(f"Locust did not run: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(figures.read_text())
    figures.unlink()
    return found


def main() -> None:
    """Run the command; an error that a user can mend is one line and exit code 2."""
    try:
        typer.run(loadtest)
    except Exception as error:
        line = str(error) if isinstance(error, GatewayError) else one_line(error)
        if line is None:
            raise
        typer.secho(line, fg="red", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
