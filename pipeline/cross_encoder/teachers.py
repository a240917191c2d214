"""The step that trains both teachers and predicts scores for the pool of unlabelled pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.cross_encoder.examples import labels, triplets
from pipeline.cross_encoder.pool import pool
from pipeline.pages.encoder import TOKENS, text_settings
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import PageTokens, page_tokens, tokenize
from pipeline.runner.file_hashes import hash_model
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.cross_encoder.model import QUALITY_CLASSES
from ranking.teachers.logits import teacher_logits
from ranking.teachers.model import Teacher
from ranking.teachers.predict_pool import predict_pool
from ranking.teachers.train import TeachersConfig, enough, train_click, train_quality
from recall.qprime.config import QPrimeConfig
from text_model.base import all_joint, load_encoder
from text_model.distributed import world
from text_model.packaged import AUTO, MULTILINGUAL, PACKAGED, candidates
from text_model.pair_encoder import PairEncoder
from text_model.training import Curve, Progress


def teachers(work: Work) -> dict[str, object]:
    """Train the click and the quality teacher, save both as int8 ONNX (`<name>.onnx`), and score the pool."""
    config, out, seed = _settings(work), work.directory, work.config.seed
    pages, tokens = page_ids(work), _tokens(work)
    labelled = labels(work, pages)
    clicks = triplets(work, pages, labelled)
    config = enough(config, clicks, labelled)
    page1, page2 = _pool(work, pages)
    inputs = tokens.pair_tensors

    def click(teacher: Teacher, advance: Progress) -> Curve:
        return train_click(teacher, inputs, clicks, config, seed, out / "click.checkpoint", advance)

    def quality(teacher: Teacher, advance: Progress) -> Curve:
        return train_quality(teacher, inputs, labelled, config, seed, out / "quality.checkpoint", advance)

    trainings = (("click", 1, click, config.click_steps), ("quality", QUALITY_CLASSES, quality, config.quality_steps))
    curves = {
        name: _train_and_predict(work, tokens, (page1, page2), name, outputs, train, steps).thinned()
        for name, outputs, train, steps in trainings
    }
    for finished in out.glob("*.checkpoint") if world().main else ():
        finished.unlink()  # only now: a resumed run skips the first teacher if its file exists
    return {"triplets": len(clicks.page), "labels": len(labelled.page1), "pool": len(page1), "curves": curves}


STEP = Step(
    "teachers",
    teachers,
    after=("read", "counts", "order", "text", "two_tower", "cf", "labels"),
    # Where the student judges Q', Q' waits for the student.
    also_after=lambda config: ("qprime",) if config.section(QPrimeConfig).judge == "rubric" else (),
    when=lambda config: config.cross_encoder.distil,
    config=("teachers", "text"),
    external=lambda config: [hash_model(name) for name in candidates(config.teachers.base)],
    shared=True,
    resumes=True,
)


def teacher_tokens(work: Work) -> PageTokens:
    """Return the page tokens that the finished step `teachers` read."""
    config = _settings(work)
    tokens = page_tokens(work) if _as_student(work) else PageTokens(work.of("teachers"), config.tokens_per_page)
    tokens.joint = all_joint(config.base, config.joint_layers)
    return tokens


def _settings(work: Work) -> TeachersConfig:
    """Return the teachers' settings, with the student's encoder and tokens where they name none.

    The multilingual base has no layer that could read two pages, so MiniLM teaches it.
    """
    config, text = work.config.teachers, text_settings(work)
    base = text.base if config.base == AUTO else config.base
    base = PACKAGED if base == MULTILINGUAL else base
    tokens = text.tokens_per_page if base == text.base else TOKENS
    return replace(config, base=base, tokens_per_page=config.tokens_per_page or tokens)


def _as_student(work: Work) -> bool:
    config, text = _settings(work), text_settings(work)
    return (config.base, config.tokens_per_page) == (text.base, text.tokens_per_page)


def _train_and_predict(
    work: Work, tokens: PageTokens, pairs: tuple[NDArray[np.int64], NDArray[np.int64]], name: str, outputs: int,
    train: Callable[[Teacher, Progress], Curve], steps: int,
) -> Curve:  # fmt: skip
    out = work.directory
    torch.manual_seed(work.config.seed)
    config = _settings(work)
    teacher = Teacher(PairEncoder(load_encoder(config.base), config.joint_layers), outputs)
    with progress(f"training {name} teacher", steps) as advance:
        curve = train(teacher, advance)
    score = teacher_logits(teacher, tokens.pair_tensors, out / f"{name}.onnx")
    with progress(f"predicting {name}", len(pairs[0])) as advance:
        predict_pool(out / f"{name}.npy", *pairs, outputs, tokens.lengths, score, advance)
    return curve


def _tokens(work: Work) -> PageTokens:
    """Return the page tokens for the teachers: the student's, unless the base or the length differs."""
    config, out = _settings(work), work.directory
    if _as_student(work):
        tokens = page_tokens(work)
    else:
        if world().main:
            tokenize(work, config.base, config.tokens_per_page, out)
        world().wait()
        tokens = PageTokens(out, config.tokens_per_page)
    tokens.joint = all_joint(config.base, config.joint_layers)
    return tokens


def _pool(work: Work, pages: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    path: Path = work.directory / "pool.npy"
    if world().main and not path.is_file():
        beside = path.with_name("pool.writing.npy")
        np.save(beside, np.stack(pool(work, pages, work.config.teachers.pool)))
        beside.rename(path)
    world().wait()
    page1, page2 = np.load(path, mmap_mode="r")
    return page1, page2
