"""The step that judges pairs: writes the quality labels that the quality head learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from configs.reading import SettingsError
from corpus.files.pairs import TextPair
from corpus.label_split import is_training
from pipeline.labels.pairs_to_judge import PagePairs, Rubric, of_each_kind, pairs_to_judge
from pipeline.labels.rubric_judge import PairJudge
from pipeline.log.events import OF_LOG, half_of, label_events
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from prompting.client import TRANSIENT
from prompting.endpoint import Endpoint, read_endpoint
from prompting.judge import LlmJudge
from prompting.judge_prompt import load_prompt
from prompting.progress import pair_progress

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

ENOUGH_TO_SHARE = 400  # judged pairs; with fewer, the cross-encoder gets all, since stage 2 could not learn from so few
_ENOUGH_TO_CALIBRATE = 200  # given labels


def labels(work: Work) -> dict[str, object]:
    """Judge pairs from the log and recall, hard pairs and random pairs; labels in the input replace the judge's.

    Pairs whose first page is held out are excluded: their labels are for evaluation.
    """
    judge = PairJudge(work)
    pairs = pairs_to_judge(work, judge.pages, judge)
    every = pq.read_table(work.of("read") / "labels.parquet")
    given = every.filter(pa.array(is_training(every["page1"].to_numpy(), work.config.held_out_share)))
    human = np.stack([given["page1"].to_numpy(), given["page2"].to_numpy()], axis=1)
    pairs = pairs[~_contains(human, pairs)]
    quality, source, figures = _judged(work, judge, pairs, given)
    scored = ~np.isnan(quality)  # pairs that the judge did not score are dropped
    if not scored.any() and not len(human) and (len(pairs) or not of_each_kind(work)):  # a single page has no pairs
        why = figures.get("unscored", "provide labels, or increase labels.judged")
        raise SettingsError(f"the judge scored none of {len(pairs)} pairs: {why}")
    page1, page2 = np.concatenate([human, pairs[scored]]).T
    quality = np.concatenate([given["quality"].to_numpy(), quality[scored]]).astype(np.float32)
    sources = pa.array(["input"] * len(human) + [source] * int(scored.sum()), pa.string())
    set_aside = np.concatenate([np.zeros(len(human), bool), _set_aside(work, pairs[scored])])
    columns = {"page1": page1, "page2": page2, "quality": quality, "source": sources, "set_aside": set_aside}
    pq.write_table(pa.table(columns), work.directory / "labels.parquet")
    mean = round(float(quality.mean()), 3) if len(quality) else None
    counted = {"given": len(human), "held_out": len(every) - len(human), "judged": int(scored.sum())}
    counted["set_aside"] = int(set_aside.sum())
    return {**counted, "mean_quality": mean, "judge": source, **figures}


def _external(config: BuildConfig) -> object:
    """Return the endpoint that judges."""
    endpoint = read_endpoint() if config.labels.judge == "llm" else None
    return endpoint and endpoint.model_copy(update={"model": config.labels.model or endpoint.model}).identity()


STEP = Step(
    "labels",
    labels,
    after=("read", "counts", "order", "text", "two_tower"),
    config=("labels", "measured"),
    external=_external,
)


def _set_aside(work: Work, judged: PagePairs) -> NDArray[np.bool_]:
    """Return which judged pairs the cross-encoder must not learn from: without a log, those of half the pages.

    Stage 2 then learns from them, with the cross-encoder's quality as a feature. If both learnt from the same label,
    stage 2 would trust in-sample scores, which serving never gives. The cross-encoder gets all labels from people.
    """
    if len(judged) < ENOUGH_TO_SHARE or label_events(work, 1, OF_LOG):
        return np.zeros(len(judged), bool)
    set_aside: NDArray[np.bool_] = half_of(judged[:, 0]) == 1
    return set_aside


def _judged(
    work: Work, rubric: PairJudge, pairs: NDArray[np.uint64], given: pa.Table
) -> tuple[NDArray[np.float32], str, dict[str, object]]:
    """Return the quality of each pair (NaN: not scored), the judge's name, and counts for the manifest."""
    config = work.config.labels
    if config.judge == "rubric" or not len(pairs):
        return calibrated(rubric, given)(rubric(pairs[:, 0], pairs[:, 1])), "rubric", {}
    judge = LlmJudge(endpoint_of(work.config), load_prompt(config.prompt))
    table = pq.read_table(work.of("read") / "pages.parquet", columns=["url", "title", "snippet"])
    first, second = (table.take(np.searchsorted(rubric.pages, pairs[:, side])).to_pylist() for side in (0, 1))
    texts = [TextPair(*one.values(), *two.values()) for one, two in zip(first, second, strict=True)]
    with pair_progress(f"judge {config.prompt}", len(texts)) as progress:
        judged = judge.judge(texts, progress)
    if stopped := {reason: count for reason, count in judged.unscored().items() if reason in TRANSIENT}:
        raise SettingsError(
            f"the judge stopped early: {stopped}; its answers are kept: raise ONWARD_LLM_MAX_TOKENS, lower"
            " labels.judged or fix the endpoint, and build again"
        )
    figures: dict[str, object] = {"unscored": judged.unscored(), "notes": judged.notes, "tokens": judged.tokens}
    return judged.quality, f"{config.model} {config.prompt}", figures


def calibrated(rubric: Rubric, given: pa.Table) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function that maps the rubric's scores to the scale of the given labels (isotonic regression).

    With two scales the quality head would learn who judged. With few labels the scores are unchanged.
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
    """Return the endpoint of the judge. Raises SettingsError if the environment sets none."""
    endpoint = read_endpoint()
    if endpoint is None:
        raise SettingsError("labels.judge is llm: set ONWARD_LLM_MODEL, and ONWARD_LLM_KEY or ONWARD_LLM_BASE_URL")
    return endpoint.model_copy(update={"model": config.labels.model or endpoint.model})


def with_model(config: BuildConfig) -> BuildConfig:
    """Return the configuration with the judge's model filled in, so that another model triggers new labels."""
    if config.labels.judge == "rubric":
        return config
    return config.model_copy(update={"labels": replace(config.labels, model=endpoint_of(config).model)})


def _contains(known: NDArray[np.uint64], pairs: NDArray[np.uint64]) -> NDArray[np.bool_]:
    seen = set(map(tuple, known.tolist()))
    return np.array([tuple(pair) in seen for pair in pairs.tolist()], bool)
