"""Which encoder teachers and student start from: their base, or the one that the step `adaptation` made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cross_encoder.teacher_pages import bases_of_teachers, teacher_settings
from pipeline.pages.encoder import text_settings
from pipeline.runner.work import Work
from text_model.packaged import candidates

if TYPE_CHECKING:  # the configuration imports every trainer's
    from pipeline.config import BuildConfig

STEP_NAME, ENCODER = "adaptation", "encoder"


def adapted(config: BuildConfig) -> tuple[str, ...]:
    """Return the step that the teachers read besides others."""
    used = config.cross_encoder.distil or _students(config)
    return (STEP_NAME,) if config.adaptation.steps and used else ()


def adapted_student(config: BuildConfig) -> tuple[str, ...]:
    """Return the step that the student reads besides others."""
    return adapted(config) if _students(config) else ()


def base_of(work: Work) -> str:
    """Return the teachers' encoder, as `text_model.base.load_encoder` takes it."""
    return _made(work) if adapted(work.config) else teacher_settings(work).base


def student_base_of(work: Work) -> str:
    """Return the student's encoder."""
    base = text_settings(work).base
    return _made(work) if adapted_student(work.config) and base == teacher_settings(work).base else base


def _made(work: Work) -> str:
    return str(work.of(STEP_NAME) / ENCODER)


def _students(config: BuildConfig) -> bool:
    """Return whether the student may start from the teachers' base; the languages of the pages may decide it."""
    return config.adaptation.student and not set(bases_of_teachers(config)).isdisjoint(candidates(config.text.base))
