"""What a step of the build is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the configuration knows every trainer's, and a step's key must hold no other step's code
    from pipeline.config import BuildConfig


class UndeclaredInputError(Exception):
    """A step reads another one that its `STEP` does not name: its key would miss that step's changes."""


@dataclass(frozen=True, slots=True)
class InputTables:
    """The directory of the input tables, and the time from which rows are left out."""

    directory: Path
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is given: the configuration, a directory to fill, and the directories of the steps that it reads."""

    config: BuildConfig
    directory: Path
    root: Path
    tables: InputTables | None = None
    inputs: frozenset[str] | None = None  # the steps that it declares; None: any step of a finished build

    def of(self, step: str) -> Path:
        """Return the finished directory of an earlier step. Raises UndeclaredInputError."""
        if self.inputs is not None and step not in self.inputs:
            reader = self.directory.name.removeprefix(".")
            raise UndeclaredInputError(f"step {reader} reads {step}: add {step!r} to `after` in the STEP of {reader}")
        return self.root / step
