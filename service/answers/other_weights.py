"""What an answer would be with every other λ, from one ranked list: no model runs again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Recommendation
from service.answers.ranked_list import RankedList
from service.answers.selection import select
from service.live_bundle import LoadedBundle

_STEPS = 100  # λ = 0, 0.01, … 1


async def other_weights(bundle: LoadedBundle, query: Query, k: int, ranked: RankedList) -> dict[str, Any]:
    """Return the answers for λ from 0 to 1 as plain JSON values, as a request with that `quality_weight` gets them.

    `pages` lists every page that is in an answer; `answers[i]` has the places in that list of the answer for λ =
    i / (len(answers) - 1), best first, and `scores[i]` their scores. Other requests run between the steps.
    """
    places: dict[str, int] = {}
    pages: list[Recommendation] = []
    answers, scores = [], []
    for step in range(_STEPS + 1):
        chosen = select(bundle, replace(query, quality_weight=step / _STEPS), k, ranked, Trace()).pages
        for page in chosen:
            if page.url not in places:
                places[page.url] = len(pages)
                pages.append(page)
        answers.append([places[page.url] for page in chosen])
        scores.append([page.score for page in chosen])
        await asyncio.sleep(0)
    return {"pages": pages, "answers": answers, "scores": scores}
