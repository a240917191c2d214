"""The models of finished arms as scorers of known pages: click and quality, of teachers and students."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evaluation.ablations.rerank import PageScorer
from pipeline.examples import page_ids
from pipeline.step import Work
from pipeline.teachers import teacher_tokens
from pipeline.text import PageTokens, page_tokens
from ranking.cross_encoder.parity import HEADS
from store.bundle import BundleError
from text_model.session import OnnxModel

#: Padded pairs -> one number a pair.
PairScorer = Callable[[dict[str, NDArray[np.int64]]], NDArray[np.float32]]


def student(work: Work, head: str) -> PageScorer:
    """Return the arm's student by one of its heads, `click` or `quality`."""
    model, output = OnnxModel(work.of("student") / "model.onnx"), HEADS.index(head)

    def score(pairs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        return model.run(pairs)[output]

    return _over(work, page_tokens(work), score)


def teacher(work: Work, head: str) -> PageScorer:
    """Return one of the arm's two teachers: the click teacher's logit, the quality teacher's expected class.

    Raises BundleError where the teachers left no model: their encoder is none that can be exported.
    """
    path = work.of("teachers") / f"{head}.onnx"
    if not path.is_file():
        raise BundleError(f"{path} is missing: teachers.base is no encoder that is kept, so leave out --tables 2")
    model = OnnxModel(path)

    def score(pairs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        return expected_class(model.run(pairs)[0])

    return _over(work, teacher_tokens(work), score)


def expected_class(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean class under the softmax of (rows, classes) logits; a single logit as it is."""
    if logits.shape[1] == 1:
        return logits[:, 0]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds @ np.arange(logits.shape[1]) / odds.sum(axis=1), np.float32)


def _over(work: Work, tokens: PageTokens, score: PairScorer) -> PageScorer:
    known = page_ids(work)

    def scored(page: int, found: NDArray[np.uint64]) -> NDArray[np.float32]:
        second = np.searchsorted(known, found)
        first = np.full(len(second), np.searchsorted(known, np.uint64(page)))
        return score(tokens.pairs(first, second))

    return scored
