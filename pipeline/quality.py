"""The step that judges: the quality labels that the quality head learns from."""

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
from corpus.label_roles import is_training
from corpus.pairs import TextPair
from pipeline.events import OF_LOG, half_of, label_events
from pipeline.pair_judge import PairJudge
from pipeline.pairs_to_judge import PagePairs, Rubric, of_each_kind, pairs_to_judge
from pipeline.work import Work
from prompting.client import TRANSIENT
from prompting.endpoint import Endpoint, read_endpoint
from prompting.judge import LlmJudge
from prompting.progress import pair_progress
from prompting.prompt import load_prompt

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

ENOUGH_TO_SHARE = 400  # judged pairs; of fewer the cross-encoder needs all, and stage 2 could learn nothing
_ENOUGH_TO_CALIBRATE = 200  # given labels


def labels(work: Work) -> dict[str, object]:
    """Judge pairs of the log, of recall, hard ones and strangers; labels in the input win over the judge's.

    Neither holds a pair whose first page is held out: its labels measure.
    """
    judge = PairJudge(work)
    pairs = pairs_to_judge(work, judge.pages, judge)
    every = pq.read_table(work.of("read") / "labels.parquet")
    given = every.filter(pa.array(is_training(every["page1"].to_numpy(), work.config.held_out_share)))
    human = np.stack([given["page1"].to_numpy(), given["page2"].to_numpy()], axis=1)
    pairs = pairs[~_contains(human, pairs)]
    quality, source, figures = _judged(work, judge, pairs, given)
    scored = ~np.isnan(quality)  # a pair without a label is left out: nothing is guessed
    if not scored.any() and not len(human) and (len(pairs) or not of_each_kind(work)):  # one page has no pair at all
        why = figures.get("unscored", "give labels, or let labels.judged be more")
        raise SettingsError(f"the judge labelled none of {len(pairs)} pairs: {why}")
    page1, page2 = np.concatenate([human, pairs[scored]]).T
    quality = np.concatenate([given["quality"].to_numpy(), quality[scored]]).astype(np.float32)
    sources = pa.array(["input"] * len(human) + [source] * int(scored.sum()), pa.string())
    aside = np.concatenate([np.zeros(len(human), bool), _aside(work, pairs[scored])])
    columns = {"page1": page1, "page2": page2, "quality": quality, "source": sources, "set_aside": aside}
    pq.write_table(pa.table(columns), work.directory / "labels.parquet")
    mean = round(float(quality.mean()), 3) if len(quality) else None
    counted = {"given": len(human), "held_out": len(every) - len(human), "judged": int(scored.sum())}
    counted["set_aside"] = int(aside.sum())
    return {**counted, "mean_quality": mean, "judge": source, **figures}


def _aside(work: Work, judged: PagePairs) -> NDArray[np.bool_]:
    """Return which judged pairs the cross-encoder must not learn from: half the pages', where no log teaches.

    Stage 2 then learns from them, and the cross-encoder's quality is its feature: where both knew the label, stage 2
    would learn to trust a score that serving never gives. What people labelled is the cross-encoder's, all of it.
    """
    if len(judged) < ENOUGH_TO_SHARE or label_events(work, 1, OF_LOG):
        return np.zeros(len(judged), bool)
    aside: NDArray[np.bool_] = half_of(judged[:, 0]) == 1
    return aside


def _judged(
    work: Work, rubric: PairJudge, pairs: NDArray[np.uint64], given: pa.Table
) -> tuple[NDArray[np.float32], str, dict[str, object]]:
    """Return the quality of each pair (NaN: none), who says so, and what became of the pairs."""
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
