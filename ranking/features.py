"""The features of ranking, computed by the same code in training and serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.executor import NOT_RECALLED, RANK
from cascade.types import Candidates, Query, Trigger
from ranking.freshness import age_days
from recall.coclick.row import FIELDS as PAIR_FIELDS
from recall.paths import COLUMNS, PATHS

Matrix = NDArray[np.float32]

RECALL_RANKS = tuple(f"{RANK}{path.name}" for path in PATHS)
_PAGE_COUNTS = ("clicks_7", "clicks_28", "clicks_all", "entered", "shown", "chosen", "shown_beside")

#: Cheap features, for every candidate (stage 1).
STAGE1 = (
    *PAIR_FIELDS,
    "next_share",
    "back_share",
    "shown_share",
    "chosen_rate",
    *_PAGE_COUNTS,
    "page_chosen_rate",
    "entered_share",
    "trigger_left",
    "trigger_shown_on",
    *(name for name in COLUMNS if name not in PAIR_FIELDS),
    *RECALL_RANKS,
    "same_host",
    "title_in_trigger",
    "trigger_title_in_page",
    "title_overlap",
    "from_share",
    "sources_share",
    "depth",
    "age_days",
    "after_share",
    "together_share",
    "together_from_share",
)

#: Stage 2 adds the score of stage 1 and both heads of the cross-encoder.
STAGE2 = (*STAGE1, "stage1", "click", "quality")

#: The feature that stage 2's trees correct: untrained, stage 2 equals stage 1.
STAGE2_START = "stage1"


def matrix(query: Query, candidates: Candidates, names: tuple[str, ...]) -> Matrix:
    """Return the features `names`, (candidates, features) float32; NaN for unknown facts.

    Reads the columns of the recall paths, of `PageFacts`, and of the similarity hydrators.
    """
    if query.trigger is None:
        raise ValueError("features need the query's trigger")
    columns = _with_defaults(candidates)
    derived = _derived(query.trigger, columns)
    derived["age_days"] = np.maximum(age_days(candidates, query.at), 0)
    result = np.empty((len(candidates), len(names)), np.float32)
    for place, name in enumerate(names):
        result[:, place] = derived[name] if name in derived else columns[name]
    return result


def _with_defaults(candidates: Candidates) -> dict[str, NDArray[Any]]:
    """Fill in for a recall path that failed or is turned off: no rank, and the values that it declares."""
    defaults = {**COLUMNS, **dict.fromkeys(RECALL_RANKS, NOT_RECALLED)}
    missing = {
        name: np.full(len(candidates), value, np.float32)
        for name, value in defaults.items()
        if name not in candidates.columns
    }
    return {**candidates.columns, **missing}


def _derived(trigger: Trigger, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any] | float]:
    left, shown_on, visited = (float(trigger.facts[name]) for name in ("left", "shown_on", "clicks_all"))
    features: dict[str, NDArray[Any] | float] = {
        # Shares are more stable than counts: a log grows, its shares do not. The constants are weak priors.
        "next_share": columns["next_all"] / (left + 5.0),
        "back_share": columns["back_all"] / (columns["left"] + 5.0),
        "shown_share": columns["shown_all"] / (shown_on + 20.0),
        "chosen_rate": (columns["chosen_all"] + 1.0) / (columns["shown_all"] + 10.0),
        "page_chosen_rate": (columns["chosen"] + 1.0) / (columns["shown"] + 10.0),
        "entered_share": columns["entered"] / (columns["clicks_all"] + 5.0),
        "from_share": columns["next_all"] / (columns["entered"] + 5.0),  # the lift of the pair, up to a constant
        "after_share": columns["after_all"] / (visited + 5.0),
        "together_share": columns["together_all"] / (visited + 5.0),
        "together_from_share": columns["together_all"] / (columns["clicks_all"] + 5.0),
        "sources_share": columns["sources"] / (columns["entered"] + 5.0),
        "trigger_left": left,
        "trigger_shown_on": shown_on,
        "same_host": columns["host"] == trigger.facts["host"],
    }
    for name in RECALL_RANKS:
        rank = columns[name]
        features[name] = np.where(rank == NOT_RECALLED, np.nan, rank.astype(np.float32))
    features.update(_text_features(trigger, columns["token_ids"], columns["title_tokens"]))
    return features


def _text_features(
    trigger: Trigger, token_ids: NDArray[np.uint32], title_tokens: NDArray[Any]
) -> dict[str, NDArray[Any] | float]:
    """Word overlap by token id. `token_ids` is (candidates, length), padded with 0; the title's tokens come first.

    Lookup tables by token id, built for the trigger, are three times as fast as comparing ids.
    """
    own_title = trigger.tokens[: int(trigger.facts["title_tokens"])]
    vocabulary = int(max(token_ids.max(initial=0), trigger.tokens.max(initial=0))) + 1
    of_trigger = np.zeros(vocabulary, np.bool_)
    of_trigger[trigger.tokens] = True
    words, place = np.unique(own_title, return_inverse=True)
    number = np.zeros(vocabulary, np.intp)  # by token id: the number of a word of the trigger's title, from 1
    number[words] = np.arange(1, len(words) + 1)

    numbers = number[token_ids]
    in_page = np.zeros((len(token_ids), len(words) + 1), np.bool_)
    in_page[np.arange(len(token_ids))[:, None], numbers] = True
    in_title = (np.arange(token_ids.shape[1]) < title_tokens[:, None]) & (token_ids != 0)
    title_length = np.maximum(in_title.sum(1), 1)
    return {
        "title_in_trigger": (in_title & of_trigger[token_ids]).sum(1) / title_length,
        "trigger_title_in_page": in_page[:, 1:][:, place].mean(1) if len(own_title) else 0.0,
        "title_overlap": (in_title & (numbers > 0)).sum(1) / np.maximum(title_length, len(own_title)),
    }
