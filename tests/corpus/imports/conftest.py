"""Imports files and returns what the tables hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from corpus.imports.run import Options, Report, import_files


@dataclass(frozen=True, slots=True)
class Imported:
    """The report of an import, and the rows of the tables."""

    report: Report
    out: Path

    @property
    def left_out(self) -> dict[str, int]:
        return dict(self.report.ledger.left_out)

    @property
    def pages(self) -> dict[str, dict[str, Any]]:
        return {row["url"]: row for row in pq.read_table(self.out / "pages.parquet").to_pylist()}

    @property
    def clicks(self) -> list[dict[str, Any]]:
        return pq.read_table(self.out / "clicks.parquet").to_pylist()

    @property
    def visits(self) -> list[list[tuple[str, int, float | None]]]:
        """Return each session's pages with their second and the time spent, sessions by their first page's time."""
        sessions: dict[int, list[tuple[str, int, float | None]]] = {}
        for row in self.clicks:
            second = int(row["time"].timestamp())
            sessions.setdefault(row["session"], []).append((row["url"], second, row["dwell_s"]))
        return list(sessions.values())


Import = Callable[..., Imported]
_USUAL = Options()


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Import files of a tool into one directory."""

    def run(tool: str, *files: Path, options: Options = _USUAL) -> Imported:
        out = tmp_path / "out"
        return Imported(import_files(tool, files, out, options), out)

    return run
