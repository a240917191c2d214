"""Selects the pages of an answer from a ranked list: k, exclusions and λ of one query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.executor import NOT_RECALLED, RANK
from cascade.trace import Trace
from cascade.types import Candidates, Query
from service.answers.answer import STORED, RecalledBy, Recommendation, finite
from service.answers.ranked_list import RankedList
from service.live_bundle import LoadedBundle
from store import page_row


def select(
    bundle: LoadedBundle, query: Query, k: int, ranked: RankedList, trace: Trace
) -> tuple[tuple[Recommendation, ...], tuple[str, ...]]:
    """Return at most `k` pages of the list, best first, and the reasons why the answer is degraded."""
    candidates = ranked.candidates(bundle.pages)
    if ranked.served_by == STORED:
        candidates = bundle.cascade.relisted(query, candidates, trace)
    selected = bundle.cascade.choose(query, candidates, k, trace)
    return recommendations(selected), tuple(dict.fromkeys((*ranked.degraded, *trace.degraded)))


def recommendations(selected: Candidates) -> tuple[Recommendation, ...]:
    """Return selected candidates as a reader sees them; they carry `score`, `rank_<path>` and their `row`."""
    if len(selected) == 0:
        return ()
    nothing: NDArray[np.float32] = np.full(len(selected), np.nan, np.float32)
    click, quality = (selected.columns.get(name, nothing) for name in ("click", "quality"))
    ranks = {name.removeprefix(RANK): column for name, column in selected.columns.items() if name.startswith(RANK)}
    found = []
    for i, row in enumerate(selected["row"]):
        text = page_row.read_text(row)
        recalled_by = tuple(
            RecalledBy(path, int(rank[i]) + 1) for path, rank in ranks.items() if rank[i] != NOT_RECALLED
        )
        score, clicked, good = (finite(column[i]) for column in (selected["score"], click, quality))
        found.append(Recommendation(text.url, text.title, text.snippet, score, clicked, good, recalled_by))
    return tuple(found)
