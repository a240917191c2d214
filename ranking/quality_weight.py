"""Chooses λ of the blend on a site's own held-out clicks: the most quality that costs next to no clicks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ranking.blend import Blend

_WEIGHTS = np.round(np.arange(0, 1.0001, 0.04), 2)  # contains the default, 0.32
_CUT = 5  # an answer has five pages


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """The rule that chooses λ where `quality_weight` is "auto"."""

    most_clicks_lost: Annotated[float, Field(ge=0, le=1)] = 0.005  # share of NDCG@5 at λ = 0 that quality may cost
    pages: Annotated[int, Field(ge=0)] = 300  # held out to choose λ; stage 2 does not learn from them
    fewest_pages: Annotated[int, Field(ge=1)] = 50  # with clicks; fewer cannot tell
    fewest_clicks: Annotated[int, Field(ge=1)] = 300


@dataclass(frozen=True, slots=True)
class HeldOutLists:
    """Candidates of pages that no ranker learnt from, list after list, and how often readers chose each."""

    page: NDArray[np.uint64]  # of each list
    size: NDArray[np.int32]  # rows of each list
    gain: NDArray[np.float32]  # of each row; 0: not clicked


@dataclass(frozen=True, slots=True)
class TradeOff:
    """What every λ costs and gains on the held-out lists."""

    quality_weight: list[float]
    ndcg: list[float]  # NDCG@5 of the clicks
    quality: list[float]  # mean quality of five pages


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen λ, and what it costs and gains on the held-out lists."""

    quality_weight: float
    pages: int  # with a click
    clicks: int
    ndcg: float  # NDCG@5 of the clicks at λ = 0
    ndcg_chosen: float
    ndcg_peer: float  # of the simplest order of the same candidates
    quality: float  # mean quality of five pages at λ = 0
    quality_chosen: float
    trade_off: TradeOff

    def figures(self) -> dict[str, float]:
        """Return the values without the curve, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items() if name != "trade_off"}


def choose(
    blend: Blend,
    lists: HeldOutLists,
    stage2: NDArray[np.floating],
    quality: NDArray[np.floating],
    peer: NDArray[np.floating],
    rule: RuleConfig,
) -> Choice | None:
    """Return λ by the rule of section 4.8 of Explore Further; None if there are too few clicks to tell.

    λ grows as long as NDCG@5 of the clicks stays within `most_clicks_lost` of that at λ = 0, and not below that of
    the order `peer`. `stage2`, `quality` and `peer` are scores of the lists' rows.
    """
    clicked = np.unique(lists.page[_per_list(lists, lists.gain) > 0])
    clicks = int((lists.gain > 0).sum())
    if len(clicked) < rule.fewest_pages or clicks < rule.fewest_clicks:
        return None
    orders = [_order(lists, blend.blended(stage2, quality, weight)) for weight in _WEIGHTS]
    ndcg = np.array([_ndcg(lists, order) for order in orders])
    simplest = _ndcg(lists, _order(lists, peer))
    least = max(ndcg[0] * (1 - rule.most_clicks_lost), min(simplest, ndcg[0]))
    within = int(np.argmax(np.append(ndcg < least, True)))  # λ up to the first that costs too much
    earned = np.array([_top_quality(lists, order, quality) for order in orders])
    best = int(np.argmax(earned[:within]))
    return Choice(
        quality_weight=float(_WEIGHTS[best]),
        pages=len(clicked),
        clicks=clicks,
        ndcg=ndcg[0],
        ndcg_chosen=ndcg[best],
        ndcg_peer=simplest,
        quality=float(earned[0]),
        quality_chosen=float(earned[best]),
        trade_off=TradeOff(_WEIGHTS.tolist(), np.round(ndcg, 4).tolist(), np.round(earned, 4).tolist()),
    )


def _per_list(lists: HeldOutLists, values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(_list_of_row(lists), values, len(lists.size)), np.float64)


def _list_of_row(lists: HeldOutLists) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(lists.size)), lists.size)


def _order(lists: HeldOutLists, score: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the rows of every list, best first."""
    return np.lexsort((-score, _list_of_row(lists)))


def _place(lists: HeldOutLists) -> NDArray[np.intp]:
    starts = np.cumsum(lists.size) - lists.size
    return np.arange(lists.size.sum()) - np.repeat(starts, lists.size)


def _ndcg(lists: HeldOutLists, order: NDArray[np.intp]) -> float:
    """Return NDCG@5 per click (one relevant page each), weighted by gain; clicks outside the lists do not count."""
    place = _place(lists)
    discount = np.where(place < _CUT, 1 / np.log2(place + 2.0), 0)
    return float((lists.gain[order] * discount).sum() / lists.gain.sum())


def _top_quality(lists: HeldOutLists, order: NDArray[np.intp], quality: NDArray[np.floating]) -> float:
    """Return the mean quality of the first five pages, each list weighted by its clicks."""
    top = (_place(lists) < _CUT).astype(np.float64)
    total, rows = _per_list(lists, quality[order] * top), np.maximum(_per_list(lists, top), 1)
    return float(np.average(total / rows, weights=_per_list(lists, lists.gain)))
