"""Keeps the teachers with the answers that they score: `onward refresh answers` needs them, serving does not."""

from __future__ import annotations

import shutil
from pathlib import Path

from configs.reading import SettingsError
from pipeline.cross_encoder.teacher_labels import click_scale
from pipeline.cross_encoder.teacher_pages import teacher_settings, teacher_tokens, tokenizer_of_teachers
from pipeline.runner.work import Work
from ranking.teachers.pairs import CLICK, QUALITY, READING, TOKENIZER, Reading


def keep(work: Work, directory: Path) -> Path:
    """Write what `TeacherHeads` reads to a directory, and return it.

    Raises SettingsError where the step `teachers` kept no model.
    """
    trained, config = work.of("teachers"), teacher_settings(work)
    directory.mkdir(exist_ok=True)
    for name in (CLICK, QUALITY):
        if not (trained / name).is_file():
            raise SettingsError(
                f"answers.model is teacher, but a teacher with teachers.base = {config.base} cannot be kept: its layers"
                " cannot be exported. Use another base, such as minilm or mpnet, or answers.model = student"
            )
        shutil.copyfile(trained / name, directory / name)
    shutil.copyfile(tokenizer_of_teachers(work), directory / TOKENIZER)
    tokens = teacher_tokens(work)
    reading = Reading(tokens_per_page=tokens.tokenizer.tokens_per_page, joint=tokens.joint, click=click_scale(work))
    (directory / READING).write_text(reading.model_dump_json())
    return directory
