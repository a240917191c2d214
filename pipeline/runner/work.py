"""What a step of the build is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the configuration knows every trainer's, and a step's key must hold no other step's code
    from pipeline.config import BuildConfig


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is given: the configuration, a directory to fill, and the directories of the steps before it."""

    config: BuildConfig
    directory: Path
    root: Path

    def of(self, step: str) -> Path:
        """Return the finished directory of an earlier step."""
        return self.root / step
