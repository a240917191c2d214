"""The builds that an ablation compares: each has its own directory, which starts from another's finished steps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.build import WORK, build
from pipeline.config import AnswersConfig, BuildConfig
from pipeline.runner.work import Work
from service.bundles.check_before_publish import opens
from store.bundle import Bundle

#: Section of the build's settings -> what an arm changes there.
Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Arm:
    """One build: the settings that it changes, the arm whose finished steps it reuses, the last step to run."""

    name: str
    changes: Changes
    after: str | None = None
    only: str | None = None  # None publishes a bundle


BASELINE, QPRIME = "baseline", "qprime"
CE, SCE = "teachers-ce", "teachers-sce"
CLICKS, DISTILLED, DIRECT = "student-clicks", "student-distilled", "student-direct"

#: Ordered so that each arm comes after the one that it starts from. The teachers of CE label almost nothing: only its
#: quality teacher is compared, with the click teacher of SCE.
ARMS = {
    arm.name: arm
    for arm in (
        Arm(BASELINE, {"qprime": {"keep": 0}}),
        Arm(QPRIME, {}, BASELINE),
        Arm(
            SCE,
            {"cross_encoder": {"distil": True}, "qprime": {"keep": 0}, "teachers": {"quality_loss": "sce"}},
            BASELINE,
            "teachers",
        ),
        Arm(
            CE,
            {
                "cross_encoder": {"distil": True},
                "qprime": {"keep": 0},
                "teachers": {"quality_loss": "ce", "click_steps": 1, "pool": 100},
            },
            SCE,
            "teachers",
        ),
        Arm(DISTILLED, {"cross_encoder": {"distil": True}, "qprime": {"keep": 0}}, SCE, "student"),
        Arm(CLICKS, {"cross_encoder": {"distil": True, "click_share": 1.0}, "qprime": {"keep": 0}}, SCE, "student"),
        Arm(DIRECT, {"cross_encoder": {"distil": False}, "qprime": {"keep": 0}}, BASELINE, "student"),
    )
}


@dataclass(frozen=True, slots=True)
class Arms:
    """All arms of one seed under `root/seed<seed>`; an interrupted ablation resumes from its finished steps."""

    root: Path
    data: Path
    until: datetime | None
    config: BuildConfig
    first_seed: int  # the other seeds reuse its steps that do not depend on the seed

    def build(self, name: str) -> Bundle | None:
        """Build an arm, after the one that it starts from; return its bundle, None if it publishes none."""
        arm = ARMS[name]
        directory = self._directory(name)
        if not directory.is_dir():
            self._begin(arm, directory)
        return build(self.data, directory, self._config(arm), self.until, [arm.only] if arm.only else [], opens)

    def work(self, name: str) -> Work:
        """Return the finished steps of an arm."""
        root = self._directory(name) / WORK
        return Work(self._config(ARMS[name]), root, root)

    def bundles(self, name: str) -> Path:
        """Return the directory that an arm publishes to."""
        return self._directory(name)

    def _begin(self, arm: Arm, directory: Path) -> None:
        source = None
        if arm.after is not None:
            self.build(arm.after)
            source = self._directory(arm.after)
        elif self.config.seed != self.first_seed:
            source = self.root / f"seed{self.first_seed}" / arm.name
        if source is not None and source.is_dir():
            _link(source / WORK, directory)

    def _config(self, arm: Arm) -> BuildConfig:
        changed = {name: replace(getattr(self.config, name), **values) for name, values in arm.changes.items()}
        return self.config.model_copy(update={**changed, "measured": True, "answers": AnswersConfig(most_pages=0)})

    def _directory(self, name: str) -> Path:
        return self.root / f"seed{self.config.seed}" / name


def _link(work: Path, directory: Path) -> None:
    """Start a directory from the finished steps of another: hard links, since finished steps are never rewritten."""
    beside = directory.with_name(f".{directory.name}")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(work, beside / WORK, copy_function=os.link, ignore=shutil.ignore_patterns(".*"))
    beside.rename(directory)
