"""What an ablation is asked for: data, tables, seeds, and by what it measures."""

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
    """Everything that the command line said."""

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
    quality_weight: float | None  # None: chosen by the rule
    bound: float
    satisfied_s: float

    def arms(self, seed: int) -> Arms:
        """Return the arms of one of the seeds, counted from 0."""
        first = self.config.seed
        config = self.config.model_copy(update={"seed": first + seed})
        return Arms(self.work, self.data, self.until, config, first)
