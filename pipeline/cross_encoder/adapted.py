"""Which encoder teachers and student start from: their base, or the one that the step `adaptation` made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.runner.work import Work

if TYPE_CHECKING:  # the configuration imports every trainer's
    from pipeline.config import BuildConfig

STEP_NAME, ENCODER = "adaptation", "encoder"


def adapted(config: BuildConfig) -> tuple[str, ...]:
    """Return the step that the teachers read besides others."""
    return (STEP_NAME,) if config.adaptation.on(config.cross_encoder.distil) else ()


def adapted_student(config: BuildConfig) -> tuple[str, ...]:
    """Return the step that the student reads besides others."""
    same = config.teachers.base == config.text.base
    return adapted(config) if config.adaptation.student and same else ()


def base_of(work: Work) -> str:
    """Return the teachers' encoder, as `text_model.base.load_encoder` takes it."""
    return str(work.of(STEP_NAME) / ENCODER) if adapted(work.config) else work.config.teachers.base


def student_base_of(work: Work) -> str:
    """Return the student's encoder."""
    return str(work.of(STEP_NAME) / ENCODER) if adapted_student(work.config) else work.config.text.base
