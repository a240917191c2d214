"""What the teachers read: which encoder they start from, and the token ids of all pages for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.pages.encoder import TOKENS, text_settings
from pipeline.pages.page_tokens import PageTokens, page_tokens, tokenize
from pipeline.runner.work import Work
from ranking.teachers.train import TeachersConfig
from text_model.base import all_joint
from text_model.distributed import world
from text_model.packaged import AUTO, MULTILINGUAL, PACKAGED, candidates

if TYPE_CHECKING:  # the configuration imports every trainer's
    from pipeline.config import BuildConfig


def bases_of_teachers(config: BuildConfig) -> tuple[str, ...]:
    """Return the encoders that the teachers may start from, by the languages of the pages."""
    base = config.teachers.base
    return tuple({_readable(name): None for name in (candidates(config.text.base) if base == AUTO else (base,))})


def teacher_settings(work: Work) -> TeachersConfig:
    """Return the teachers' settings, with the student's encoder and tokens where they name none."""
    config, text = work.config.teachers, text_settings(work)
    base = _readable(text.base if config.base == AUTO else config.base)
    tokens = text.tokens_per_page if base == text.base else TOKENS
    return replace(config, base=base, tokens_per_page=config.tokens_per_page or tokens)


def tokens_of_teachers(work: Work) -> PageTokens:
    """Return the page tokens for the teachers: the student's, unless the base or the length differs.

    Else they are written to the directory of the running step.
    """
    config = teacher_settings(work)
    if not _as_student(work):
        if world().main:
            tokenize(work, config.base, config.tokens_per_page, work.directory)
        world().wait()
    return _read(work, work.directory)


def teacher_tokens(work: Work) -> PageTokens:
    """Return the page tokens that the finished step `teachers` read."""
    return _read(work, work.of("teachers"))


def tokenizer_of_teachers(work: Work) -> Path:
    """Return the file of the tokenizer by which the finished step `teachers` read pages."""
    return work.of("text" if _as_student(work) else "teachers") / "tokenizer.json"


def _read(work: Work, directory: Path) -> PageTokens:
    config = teacher_settings(work)
    tokens = page_tokens(work) if _as_student(work) else PageTokens(directory, config.tokens_per_page)
    tokens.joint = all_joint(config.base, config.joint_layers)
    return tokens


def _readable(base: str) -> str:
    """Return the base itself, but MiniLM for the multilingual one, which has no layer that could read two pages."""
    return PACKAGED if base == MULTILINGUAL else base


def _as_student(work: Work) -> bool:
    config, text = teacher_settings(work), text_settings(work)
    return (config.base, config.tokens_per_page) == (text.base, text.tokens_per_page)
