"""Falls back to the simplest order of candidates where a ranker is no better on pages that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from pipeline.log.order import decay_of
from pipeline.runner.work import Work
from ranking.lightgbm import train as lightgbm
from ranking.lightgbm.peer import PEER, UNORDERED, Comparison, compare
from ranking.lightgbm.score import LightGbmScorer, start_file

HeldOut = Sequence[tuple[lightgbm.Groups | None, str]]  # groups, and the model that did not learn from their pages
_COUNTS = {PEER: "transition counts", UNORDERED: "co-visit counts"}


def peer_of(work: Work) -> str:
    """Return the feature that is the peer on this log."""
    return UNORDERED if decay_of(work) is None else PEER


def not_below_the_peer(
    work: Work, held_out: HeldOut, names: tuple[str, ...], *further: str, peer: str = PEER
) -> dict[str, object]:
    """Compare models with their peer, and replace them (and `further` models) by it if they are no better.

    Return figures.

    The peer is a model without trees that starts at the feature `peer`: rows without any keep their order.
    """
    parts = [(groups, LightGbmScorer.load(file, work.directory / file, names)) for groups, file in held_out if groups]
    if not parts or not all(scorer.trees for _, scorer in parts):
        return {}
    scores = np.concatenate([scorer.predict(groups.features) for groups, scorer in parts])
    joined = lightgbm.joined([groups for groups, _ in parts])
    found = compare(cast("lightgbm.Groups", joined), scores, names, work.config.seed, peer)
    if not found.no_better:
        return {"peer": found.figures(), "peer_order": _COUNTS[peer]}
    for file in (*(file for _, file in held_out), *further):
        lightgbm.write_untrained(names, work.directory / file)
        start_file(work.directory / file).write_text(peer)
    return {"peer": found.figures(), "peer_order": _COUNTS[peer], "below_peer": True, "trees": 0}


def below_peer(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the manifest's notes on rankers that were replaced."""
    for stage in ("stage1", "stage2"):
        if not (peer := figures[stage].get("peer")):
            continue
        found, counts = Comparison(**peer), figures[stage]["peer_order"]
        said = f"NDCG@5 {found.ranker:.3f} and {found.peer:.3f}, difference {found.low:.3f} to {found.high:.3f}"
        if figures[stage].get("below_peer"):
            yield f"{stage} was no better than the order of {counts} on held-out pages ({said}): that order replaces it"
