"""Compares a ranker with the simplest order of its candidates on held-out groups."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.features import RECALL_RANKS, Matrix
from ranking.lightgbm.train import Groups

#: The peers: pages by how often readers went there next, or, where order means little, had them in one session. Pages
#: without a count come after these, by their best rank in recall.
PEER, UNORDERED = PEERS = ("next_share", "together_share")

_CUT = 5  # NDCG@5
_FEWEST = 50  # groups; fewer say nothing
_Z = 1.96  # of a 95 % interval
_TIE = 1e-12  # a recall rank's weight: all 65,535 ranks together are below a share's steps, of 1e-7 and more


@dataclass(frozen=True, slots=True)
class Comparison:
    """NDCG@5 of a ranker and its peer, and the 95 % interval of their difference over groups."""

    groups: int
    ranker: float
    peer: float
    low: float
    high: float

    @property
    def below(self) -> bool:
        """Whether the ranker is below its peer, beyond noise."""
        return self.groups >= _FEWEST and self.high < 0

    @property
    def no_better(self) -> bool:
        """Whether the ranker is not above its peer: then the simpler order is to be preferred, noise or not."""
        return self.groups >= _FEWEST and self.ranker <= self.peer

    @property
    def above(self) -> bool:
        """Whether the ranker is above its peer, beyond noise."""
        return self.groups >= _FEWEST and self.low > 0

    def figures(self) -> dict[str, float]:
        """Return the values, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def peer_scores(features: Matrix, names: tuple[str, ...], peer: str = PEER) -> NDArray[np.float64]:
    """Return the peer's score of each row: a feature, and where it ties the best rank in recall."""
    columns = features[:, [names.index(name) for name in RECALL_RANKS]]
    best = np.where(np.isnan(columns), np.inf, columns).min(1, initial=65_535)
    return np.asarray(features[:, names.index(peer)].astype(np.float64) - _TIE * best)


def compare(
    groups: Groups, ranker: NDArray[np.floating], names: tuple[str, ...], seed: int, peer: str = PEER
) -> Comparison:
    """Compare a ranker's scores of held-out rows with the peer's; ties are broken at random."""
    noise = np.random.default_rng(seed).random(len(ranker))
    ours = _ndcg(groups, ranker, noise)
    theirs = _ndcg(groups, peer_scores(groups.features, names, peer), noise)
    difference = ours - theirs
    reach = _Z * float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else np.inf
    mean = float(difference.mean())
    return Comparison(len(ours), float(ours.mean()), float(theirs.mean()), mean - reach, mean + reach)


def _ndcg(groups: Groups, score: NDArray[np.floating], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NDCG@5 of each group, with linear gains."""
    place = np.concatenate([np.arange(size) for size in groups.size])
    discount = np.where(place < _CUT, 1 / np.log2(place + 2.0), 0)
    group = np.repeat(np.arange(len(groups.size)), groups.size)
    starts = np.concatenate([[0], np.cumsum(groups.size[:-1])])
    gain = groups.gain.astype(np.float64)
    found, best = (
        np.add.reduceat(gain[np.lexsort((noise, -by, group))] * discount, starts) for by in (score, groups.gain)
    )
    return np.asarray(found / np.maximum(best, 1e-12))
