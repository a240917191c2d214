"""What an ablation is asked to do: data, tables, seeds, and how to measure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ablations.arms import Arms
from pipeline.config import BuildConfig
from service.settings import Settings

TABLES = (1, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Plan:
    """All options of the command line."""

    data: Path
    clicks: Path
    impressions: Path | None
    truth: Path | None  # None: the rubric judges the answers
    golden: Path | None
    until: datetime | None
    work: Path
    config: BuildConfig
    serving: Settings
    seeds: int
    tables: tuple[int, ...]
    most_pages: int | None
    quality_weight: float | None  # None: the rule chooses it
    bound: float
    satisfied_s: float

    def arms(self, seed: int) -> Arms:
        """Return the arms of one seed, numbered from 0."""
        first = self.config.seed
        config = self.config.model_copy(update={"seed": first + seed})
        return Arms(self.work, self.data, self.until, config, first)
