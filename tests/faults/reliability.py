"""The table of docs/reliability.md: one row per fault; a run replaces only the rows of the faults it ran."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEAD = "| fault | target | measured | date |\n|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Figure:
    """What one fault test measured."""

    fault: str
    target: str
    measured: str


def write(figures: list[Figure], document: Path = DOCUMENT) -> None:
    """Put the figures into the document's table, in the order of their first run."""
    before, _, rest = document.read_text().partition(_HEAD)
    lines = rest.split("\n\n", 1)
    rows = {line.split("|")[1].strip(): line for line in lines[0].splitlines() if line.startswith("|")}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for figure in figures:
        rows[figure.fault] = f"| {figure.fault} | {figure.target} | {figure.measured} | {today} |"
    after = "\n" + lines[1] if len(lines) > 1 else ""
    document.write_text(before + _HEAD + "\n".join(rows.values()) + "\n" + after)
