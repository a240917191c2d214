"""The token ids of all pages as the teachers read them."""

from __future__ import annotations

from pipeline.pages.page_tokens import PageTokens, page_tokens, tokenize
from pipeline.runner.work import Work
from text_model.distributed import world


def tokens_of_teachers(work: Work) -> PageTokens:
    """Return the page tokens for the teachers: the student's, unless the base or the length differs.

    Else they are written to the directory of the running step.
    """
    config, out = work.config.teachers, work.directory
    if _as_student(work):
        return page_tokens(work)
    if world().main:
        tokenize(work, config.base, config.tokens_per_page, out)
    world().wait()
    return PageTokens(out, config.tokens_per_page)


def teacher_tokens(work: Work) -> PageTokens:
    """Return the page tokens that the finished step `teachers` read."""
    config = work.config.teachers
    return page_tokens(work) if _as_student(work) else PageTokens(work.of("teachers"), config.tokens_per_page)


def _as_student(work: Work) -> bool:
    config, text = work.config.teachers, work.config.text
    return (config.base, config.tokens_per_page) == (text.base, text.tokens_per_page)
