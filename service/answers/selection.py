"""Selects the pages of an answer from a ranked list: k, exclusions and λ of one query."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.attempt import attempt
from cascade.executor import NOT_RECALLED, RANK
from cascade.trace import Trace
from cascade.types import Candidates, Query
from ranking.session import COLUMN as SESSION
from service.answers.answer import STORED, RecalledBy, Recommendation, Terms, finite
from service.answers.pinned import pinned
from service.answers.ranked_list import RankedList
from service.live_bundle import LoadedBundle
from service.rules.steering import Hit
from store import page_row

_ORDERED_BY_WAY = {"stage2", "quality"}  # columns of a list that was ranked to its end


class Selected(NamedTuple):
    """What is selected from a ranked list: pages, best first, why they are degraded, and how long they stand."""

    pages: tuple[Recommendation, ...]
    degraded: tuple[str, ...]
    ids: tuple[int, ...]  # PageIds, of the reader's page first
    hits: tuple[Hit, ...]  # rules that acted on the list
    terms: Terms


class Way(NamedTuple):
    """A query whose way was read, or that has none, and the rows of the list if they were read for that."""

    query: Query
    rows: Candidates | None = None


async def read_way(bundle: LoadedBundle, query: Query, ranked: RankedList, timeout_s: float, trace: Trace) -> Way:
    """Have a thread read the reader's way, which `select` then finds; on failure, flagged, the query loses its way."""
    if bundle.session is None or not query.history:
        return Way(query)
    rows = ranked.candidates(bundle.pages)
    if not rows.columns.keys() >= _ORDERED_BY_WAY:
        return Way(query, rows)
    with trace.timed(SESSION):
        done = await attempt(SESSION, partial(bundle.session.read, query, rows), timeout_s, trace)
    return Way(query if done else replace(query, history=()), rows)


def select(
    bundle: LoadedBundle, query: Query, k: int, ranked: RankedList, trace: Trace, rows: Candidates | None = None
) -> Selected:
    """Return at most `k` pages of the list under the rules in force, which have the last word.

    `rows` are those of the list where they were read already. A way that `read_way` has not read is read here.
    """
    query, steering = bundle.cascade.dated(query), bundle.steering
    candidates = ranked.candidates(bundle.pages) if rows is None else rows
    if query.history:
        candidates = _by_way(bundle, query, candidates, trace)
        query = query if SESSION in candidates.columns else replace(query, history=())
    steered, pins = steering.steer(query, candidates, trace), pinned(bundle, query, k)
    unpinned = pins.without_copies(steered.ranked)
    if ranked.served_by == STORED:
        unpinned = bundle.cascade.relisted(query, unpinned, trace)
    chosen = bundle.cascade.choose(query, unpinned, k, trace, placed=len(pins))
    ends = min((float(end) for shown in (chosen, pins.pages) for end in steering.expired.at(shown)), default=math.inf)
    return Selected(
        pins.among(recommendations(chosen)),
        tuple(dict.fromkeys((*ranked.degraded, *trace.degraded))),
        (query.page, *pins.pages.pages.tolist(), *chosen.pages.tolist()),
        (*steered.hits, *pins.hits),
        Terms(steered.version, min(steered.until, ends)),
    )


def _by_way(bundle: LoadedBundle, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
    """Return the list with what the reader's way says of each page; as it is where nothing can be said."""
    if bundle.session is None or not candidates.columns.keys() >= _ORDERED_BY_WAY:
        return candidates
    with trace.timed(SESSION):
        scored = bundle.session.scored(query, candidates)
    trace.stage(SESSION, scored)
    return scored


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
