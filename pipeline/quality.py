"""The step that judges: the quality labels that the quality head learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from configs.reading import SettingsError
from corpus.pairs import TextPair
from pipeline.config import BuildConfig
from pipeline.pairs_to_judge import Rubric, pairs_to_judge
from pipeline.step import Work
from prompting.client import TRY_AGAIN
from prompting.endpoint import Endpoint, read_endpoint
from prompting.judge import LlmJudge
from prompting.progress import pair_progress
from prompting.prompt import load_prompt
from ranking.quality.likeness import TextVectors
from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.rubric import RubricJudge

_ENOUGH_TO_CALIBRATE = 200  # given labels


class PairJudge:
    """Judges pairs of PageIds by the rubric."""

    def __init__(self, work: Work) -> None:
        table = pq.read_table(work.of("read") / "pages.parquet")
        self.pages: NDArray[np.uint64] = table["page"].to_numpy()
        self._vectors = TextVectors.load(work.of("text") / "judged.npy")
        self._judged = JudgedPages.from_table(table, self._vectors.understood)
        self._judge = RubricJudge()

    def __call__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the quality, 0 to 4, of each pair."""
        left, right = np.searchsorted(self.pages, page1), np.searchsorted(self.pages, page2)
        likeness, weight = self._vectors.likeness(left, right), self._vectors.weight(left, right)
        return self._judge.judge(Pairs(self._judged, left, right), likeness, weight)


def labels(work: Work) -> dict[str, object]:
    """Judge pairs of the log, of recall, hard ones and strangers; labels in the input win over the judge's."""
    judge = PairJudge(work)
    pairs = pairs_to_judge(work, judge.pages, judge)
    given = pq.read_table(work.of("read") / "labels.parquet")
    human = np.stack([given["page1"].to_numpy(), given["page2"].to_numpy()], axis=1)
    pairs = pairs[~_contains(human, pairs)]
    quality, source, figures = _judged(work, judge, pairs, given)
    scored = ~np.isnan(quality)  # a pair without a label is left out: nothing is guessed
    if not scored.any() and not len(human):
        why = figures.get("unscored", "give labels, or let labels.judged be more")
        raise SettingsError(f"the judge labelled none of {len(pairs)} pairs: {why}")
    page1, page2 = np.concatenate([human, pairs[scored]]).T
    quality = np.concatenate([given["quality"].to_numpy(), quality[scored]]).astype(np.float32)
    sources = ["input"] * len(human) + [source] * int(scored.sum())
    table = pa.table({"page1": page1, "page2": page2, "quality": quality, "source": sources})
    pq.write_table(table, work.directory / "labels.parquet")
    mean = round(float(quality.mean()), 3) if len(quality) else None
    return {"given": len(human), "judged": int(scored.sum()), "mean_quality": mean, "judge": source, **figures}


def _judged(
    work: Work, rubric: PairJudge, pairs: NDArray[np.uint64], given: pa.Table
) -> tuple[NDArray[np.float32], str, dict[str, object]]:
    """Return the quality of each pair (NaN: none), who says so, and what became of the pairs."""
    config = work.config.labels
    if config.judge == "rubric":
        return calibrated(rubric, given)(rubric(pairs[:, 0], pairs[:, 1])), "rubric", {}
    judge = LlmJudge(endpoint_of(work.config), load_prompt(config.prompt))
    table = pq.read_table(work.of("read") / "pages.parquet", columns=["url", "title", "snippet"])
    first, second = (table.take(np.searchsorted(rubric.pages, pairs[:, side])).to_pylist() for side in (0, 1))
    texts = [TextPair(*one.values(), *two.values()) for one, two in zip(first, second, strict=True)]
    with pair_progress(f"judge {config.prompt}", len(texts)) as progress:
        judged = judge.judge(texts, progress)
    if stopped := {reason: count for reason, count in judged.unscored().items() if reason in TRY_AGAIN}:
        raise SettingsError(
            f"the judge stopped early: {stopped}; what it said is kept: raise ONWARD_LLM_MAX_TOKENS, lower"
            " labels.judged or repair the endpoint, and build again"
        )
    figures: dict[str, object] = {"unscored": judged.unscored(), "notes": judged.notes, "tokens": judged.tokens}
    return judged.quality, f"{config.model} {config.prompt}", figures


def calibrated(rubric: Rubric, given: pa.Table) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what brings the rubric's scores to the scale of the given labels; its order stays (isotonic regression).

    Two scales side by side would teach the quality head to tell who judged. With few labels nothing is changed.
    """
    if len(given) < _ENOUGH_TO_CALIBRATE:
        return lambda scores: scores
    scores = rubric(given["page1"].to_numpy(), given["page2"].to_numpy())
    order = np.argsort(scores, kind="stable")
    fitted = isotonic_regression(given["quality"].to_numpy()[order].astype(np.float64)).x
    places, first = np.unique(scores[order], return_index=True)
    levels = np.add.reduceat(fitted, first) / np.diff([*first, len(fitted)])
    return lambda scores: np.interp(scores, places, levels).astype(np.float32)


def endpoint_of(config: BuildConfig) -> Endpoint:
    """Return the endpoint that labels come from. Raises SettingsError where the environment names none."""
    endpoint = read_endpoint()
    if endpoint is None:
        raise SettingsError("labels.judge is llm: set ONWARD_LLM_MODEL, and ONWARD_LLM_KEY or ONWARD_LLM_BASE_URL")
    return endpoint.model_copy(update={"model": config.labels.model or endpoint.model})


def with_model(config: BuildConfig) -> BuildConfig:
    """Return the configuration with the model that will judge, so that another one makes other labels."""
    if config.labels.judge == "rubric":
        return config
    return config.model_copy(update={"labels": replace(config.labels, model=endpoint_of(config).model)})


def _contains(known: NDArray[np.uint64], pairs: NDArray[np.uint64]) -> NDArray[np.bool_]:
    seen = set(map(tuple, known.tolist()))
    return np.array([tuple(pair) in seen for pair in pairs.tolist()], bool)
