"""What an answer would be with every other λ, from one ranked list: no model runs again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np

from cascade.trace import Trace
from cascade.types import Candidates, Query
from service.answers.answer import Recommendation, finite
from service.answers.ranked_list import RankedList
from service.answers.selection import recommendations
from service.live_bundle import LoadedBundle

_STEPS = 100  # λ = 0, 0.01, … 1


async def other_weights(bundle: LoadedBundle, query: Query, k: int, ranked: RankedList) -> dict[str, Any]:
    """Return the answers for λ from 0 to 1 as plain JSON values, as a request with that `quality_weight` gets them.

    `pages` lists every page that is in an answer; `answers[i]` has the places in that list of the answer for λ =
    i / (len(answers) - 1), best first, and `scores[i]` their scores.
    """
    candidates = ranked.candidates(bundle.pages)
    return await asyncio.to_thread(_answers, bundle, query, k, candidates)


def _answers(bundle: LoadedBundle, query: Query, k: int, candidates: Candidates) -> dict[str, Any]:
    places: dict[int, int] = {}
    answers, scores = [], []
    pages: list[Recommendation] = []
    for step in range(_STEPS + 1):
        weighed = replace(query, quality_weight=step / _STEPS)
        chosen = bundle.cascade.choose(weighed, candidates, k, Trace())
        new = chosen.take(np.array([page not in places for page in chosen.pages.tolist()], np.bool_))
        for page in new.pages.tolist():
            places[page] = len(places)
        pages += recommendations(new)
        answers.append([places[page] for page in chosen.pages.tolist()])
        scores.append([finite(score) for score in chosen["score"].tolist()] if len(chosen) else [])
    return {"pages": pages, "answers": answers, "scores": scores}
