"""`python -m loadtests`: puts a gateway under realistic load, and checks latency and errors against a budget."""

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
from loadtests.gateway import GatewayError, Target, counters, started
from loadtests.summary import Budget, summary, table
from service.process.errors import one_line

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_ROOT = LOCUSTFILE.parent.parent


class Shape(StrEnum):
    """How the number of readers changes over time."""

    STEADY = "steady"
    SPIKE = "spike"


def loadtest(
    bundles: Annotated[
        Path, typer.Option(help="Directory of bundles; the current one is served, and its pages are requested.")
    ],
    users: Annotated[int, typer.Option(min=1, help="Largest number of concurrent readers.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of the test.")] = 30,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests per second of one reader, if answers are fast.")] = 2,
    shape: Annotated[Shape, typer.Option(help="spike: four times the readers in the middle third.")] = Shape.STEADY,
    budget_ms: Annotated[float | None, typer.Option(help="Limit of p99; default: the gateway's `budget_ms`.")] = None,
    most_errors: Annotated[float, typer.Option(min=0, max=1, help="Largest share of requests that may fail.")] = 0.001,
    seed: Annotated[int, typer.Option(help="Seed of the readers' random choices.")] = 0,
    out: Annotated[Path, typer.Option(help="Directory for reports.")] = Path("loadtests/out"),
    http: Annotated[
        str | None, typer.Option(help="URL of a running gateway, instead of starting one; needs --grpc.")
    ] = None,
    grpc: Annotated[str | None, typer.Option(help="Its gRPC address, host:port.")] = None,
    metrics: Annotated[str, typer.Option(help="URL of its /metrics; without it there are no cache figures.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="A setting for the gateway that is started.")
    ] = None,
) -> None:
    """Load-test a gateway over HTTP and gRPC; exit code 1 when it exceeds the budget, 2 without a gateway."""
    parameters = {"users": users, "seconds": seconds, "rate": rate, "shape": shape.value, "seed": seed}
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
        before = counters(running)
        found = _locust(running, bundles, directory, parameters)
        figures = summary(found, before, counters(running), budget, parameters)
    (directory / "summary.json").write_text(json.dumps(figures, indent=1))
    console = Console()
    console.print(table(figures))
    console.print(f"{directory}/report.html, {directory}/summary.json")
    for line in figures["broken"]:
        console.print(f"[red]budget exceeded:[/] {line}")
    if figures["broken"]:
        raise typer.Exit(1)


def _locust(target: Target, bundles: Path, directory: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run Locust in a separate process and return its figures."""
    figures = (directory / "locust.json").absolute()
    options = {
        "--host": target.http, "--grpc": target.grpc, "--bundles": bundles.absolute(), "--readers": parameters["users"],
        "--seconds": parameters["seconds"], "--rate": parameters["rate"], "--shape": parameters["shape"],
        "--seed": parameters["seed"], "--figures": figures, "--html": (directory / "report.html").absolute(),
        "--logfile": (directory / "locust.log").absolute(), "--exit-code-on-error": 0, "--stop-timeout": 10,
    }  # fmt: skip
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    command += [str(part) for option in options.items() for part in option]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if not figures.is_file():
        raise GatewayError(f"Locust failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(figures.read_text())
    figures.unlink()
    return found


def main() -> None:
    """Run the command; an error that the user can fix is one line and exit code 2."""
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
