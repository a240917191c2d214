"""The models of finished arms as scorers of known pages: the click and quality heads of teachers and students."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from ablations.rerank import PageScorer
from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.cross_encoder.teacher_pages import teacher_settings, teacher_tokens
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import page_tokens
from pipeline.runner.work import Work
from ranking.cross_encoder.model import QUALITY_CLASSES
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.parity import HEADS
from ranking.teachers.logits import WEIGHTS, by_torch
from ranking.teachers.model import Teacher
from ranking.teachers.pairs import expected_class
from ranking.teachers.predict_pool import PairLogits
from store.bundle import BundleError
from text_model.base import load_encoder
from text_model.distributed import world
from text_model.pair_encoder import PairEncoder
from text_model.session import OnnxModel

#: (row of page 1, rows of pages 2) -> one score per pair.
RowScorer = Callable[[int, NDArray[np.int64]], NDArray[np.float32]]


def student(work: Work, head: str) -> PageScorer:
    """Return one head of the arm's student, `click` or `quality`."""
    tokens, output = page_tokens(work), HEADS.index(head)
    model = open_pair_model(work.of("student") / EXPORTED, tokens.tokenizer.marks)

    def score(page1: int, page2: NDArray[np.int64]) -> NDArray[np.float32]:
        return model.run([tokens[page1]], [tokens[row] for row in page2])[output]

    return _over(work, score)


def teacher(work: Work, head: str) -> PageScorer:
    """Return one of the arm's two teachers: the click teacher's logit, the quality teacher's expected class.

    Raises BundleError if the teachers saved no model because their encoder cannot be exported.
    """
    path = work.of("teachers") / f"{head}.onnx"
    if not path.is_file():
        raise BundleError(f"{path} is missing: teachers.base cannot be exported, so leave table 2 out of --tables")
    logits = _logits(work, path, 1 if head == HEADS[0] else QUALITY_CLASSES)

    def score(page1: int, page2: NDArray[np.int64]) -> NDArray[np.float32]:
        return expected_class(logits(np.full(len(page2), page1), page2))

    return _over(work, score)


def _logits(work: Work, path: Path, outputs: int) -> PairLogits:
    """Return a teacher's logits: with torch where a GPU kept its weights, as a large one is slow on a CPU."""
    tokens, weights = teacher_tokens(work), path.with_suffix(WEIGHTS)
    if world().device.type == "cuda" and weights.is_file():
        encoder = PairEncoder(load_encoder(teacher_settings(work).base), work.config.teachers.joint_layers)
        teacher = Teacher(encoder, outputs)
        teacher.load_state_dict(load_file(weights))
        return by_torch(teacher, tokens.pair_tensors)
    model = OnnxModel(path)
    return lambda page1, page2: model.run(tokens.pairs(page1, page2))[0]


def _over(work: Work, score: RowScorer) -> PageScorer:
    known = page_ids(work)

    def scored(page: int, found: NDArray[np.uint64]) -> NDArray[np.float32]:
        return score(int(np.searchsorted(known, np.uint64(page))), np.searchsorted(known, found))

    return scored
