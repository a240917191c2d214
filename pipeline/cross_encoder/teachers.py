"""The step that trains both teachers and predicts scores for the pool of unlabelled pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.cross_encoder.adapted import adapted, base_of
from pipeline.cross_encoder.examples import labels, triplets
from pipeline.cross_encoder.pool import pool
from pipeline.cross_encoder.teacher_pages import bases_of_teachers, teacher_settings, tokens_of_teachers
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import PageTokens
from pipeline.runner.model_hash import hash_model
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.cross_encoder.model import QUALITY_CLASSES
from ranking.teachers.logits import teacher_logits
from ranking.teachers.model import Teacher
from ranking.teachers.predict_pool import predict_pool
from ranking.teachers.train import enough, train_click, train_quality
from recall.qprime.config import QPrimeConfig
from text_model.base import load_encoder
from text_model.distributed import world
from text_model.pair_encoder import PairEncoder
from text_model.training import Curve, Progress


def teachers(work: Work) -> dict[str, object]:
    """Train the click and the quality teacher, save both as int8 ONNX (`<name>.onnx`), and score the pool."""
    config, out, seed = teacher_settings(work), work.directory, work.config.seed
    pages, tokens = page_ids(work), tokens_of_teachers(work)
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
    also_after=lambda config: (("qprime",) if config.section(QPrimeConfig).judge == "rubric" else ()) + adapted(config),
    when=lambda config: config.cross_encoder.distil,
    config=("teachers", "text"),
    external=lambda config: [*map(hash_model, bases_of_teachers(config))],
    shared=True,
    resumes=True,
)


def _train_and_predict(
    work: Work, tokens: PageTokens, pairs: tuple[NDArray[np.int64], NDArray[np.int64]], name: str, outputs: int,
    train: Callable[[Teacher, Progress], Curve], steps: int,
) -> Curve:  # fmt: skip
    out = work.directory
    torch.manual_seed(work.config.seed)
    layers = work.config.teachers.joint_layers
    teacher = Teacher(PairEncoder(load_encoder(base_of(work)), layers), outputs)
    with progress(f"training {name} teacher", steps) as advance:
        curve = train(teacher, advance)
    score = teacher_logits(teacher, tokens.pair_tensors, out / f"{name}.onnx")
    with progress(f"predicting {name}", len(pairs[0])) as advance:
        predict_pool(out / f"{name}.npy", *pairs, outputs, tokens.lengths, score, advance)
    return curve


def _pool(work: Work, pages: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    path: Path = work.directory / "pool.npy"
    if world().main and not path.is_file():
        beside = path.with_name("pool.writing.npy")
        np.save(beside, np.stack(pool(work, pages, work.config.teachers.pool)))
        beside.rename(path)
    world().wait()
    page1, page2 = np.load(path, mmap_mode="r")
    return page1, page2
