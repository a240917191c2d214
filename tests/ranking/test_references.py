import numpy as np

from ranking.features import STAGE1
from ranking.lightgbm.references import TEXT_ORDER, hidden
from ranking.lightgbm.train import Groups
from recall.related.config import Weights

WEIGHTS = Weights(mentions=2.0, mentioned=0.5)


def groups(**columns: list[float]) -> Groups:
    """Two groups of three rows each."""
    features = np.full((6, len(STAGE1)), np.nan, np.float32)
    for name, values in columns.items():
        features[:, STAGE1.index(name)] = values
    return Groups(features, np.zeros(6, np.float32), np.array([3, 3], np.int32), np.ones(2, np.float32))


def test_neither_features_nor_scores_tell_who_names_whom() -> None:
    shown = groups(
        related_score=[9, 8, 7, 6, 5, 4], related_mentions=[2, 0, 0, 0, 1, 0], related_mentioned=[0, 4, 0] * 2
    )
    seen = hidden(shown, STAGE1, WEIGHTS).features
    assert seen[:, STAGE1.index(TEXT_ORDER)].tolist() == [5, 6, 7, 6, 1, 4]
    assert not seen[:, [STAGE1.index("related_mentions"), STAGE1.index("related_mentioned")]].any()
    assert shown.features[0, STAGE1.index("related_mentions")] == 2  # the rows themselves stay


def test_ranks_are_those_of_the_scores_that_are_left() -> None:
    shown = groups(
        related_score=[9, 8, 7, 6, 5, 0],
        related_mentions=[2, 0, 0, 0, 0, 0],
        related_mentioned=[0.0] * 6,
        rank_related=[0, 1, 2, 0, 1, np.nan],
    )
    ranks = hidden(shown, STAGE1, WEIGHTS).features[:, STAGE1.index("rank_related")]
    assert ranks[:5].tolist() == [2, 0, 1, 0, 1]
    assert np.isnan(ranks[5])  # another path found it
