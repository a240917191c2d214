import numpy as np
import pytest

from ranking.features import RECALL_RANKS, STAGE1
from ranking.lightgbm.peer import PEER, compare, peer_scores
from ranking.lightgbm.train import Groups

SIZE = 8


def held_out(groups: int, share_of_truth: float) -> Groups:
    """Groups with one chosen row each; the share of transitions tells which, in this share of the groups."""
    draw = np.random.default_rng(3)
    features = np.full((groups * SIZE, len(STAGE1)), np.nan, np.float32)
    gain = np.zeros(groups * SIZE, np.float32)
    features[:, STAGE1.index(PEER)] = draw.random(groups * SIZE) / 2
    for group in range(groups):
        row = group * SIZE + int(draw.integers(SIZE))
        gain[row] = 1
        if draw.random() < share_of_truth:
            features[row, STAGE1.index(PEER)] = 0.9
    return Groups(features, gain, np.full(groups, SIZE, np.int32), np.ones(groups, np.float32))


def test_a_ranker_clearly_below_the_peer_is_found() -> None:
    groups = held_out(300, 0.9)
    found = compare(groups, np.random.default_rng(1).random(len(groups.gain)), STAGE1, 0)
    assert found.below
    assert found.peer > 0.85


def test_noise_does_not_flip_it() -> None:
    groups = held_out(300, 0.5)
    almost = peer_scores(groups.features, STAGE1) + np.random.default_rng(1).normal(0, 0.003, len(groups.gain))
    assert not compare(groups, almost, STAGE1, 0).below


@pytest.mark.parametrize("groups", [1, 49])
def test_few_groups_say_nothing(groups: int) -> None:
    few = held_out(groups, 1.0)
    assert not compare(few, -few.gain, STAGE1, 0).below


def test_a_better_ranker_stays() -> None:
    groups = held_out(300, 0.5)
    found = compare(groups, groups.gain, STAGE1, 0)
    assert found.ranker == 1
    assert found.low > 0


def test_without_transitions_the_peer_is_the_order_of_recall() -> None:
    features = np.full((3, len(STAGE1)), np.nan, np.float32)
    features[:, STAGE1.index(PEER)] = [0, 0, 0.1]
    features[:, STAGE1.index(RECALL_RANKS[0])] = [5, np.nan, np.nan]
    features[:, STAGE1.index(RECALL_RANKS[1])] = [9, 2, np.nan]
    assert np.argsort(-peer_scores(features, STAGE1)).tolist() == [2, 1, 0]


def test_the_smallest_difference_of_shares_outweighs_any_rank() -> None:
    features = np.full((2, len(STAGE1)), np.nan, np.float32)
    features[:, STAGE1.index(PEER)] = [0, 1e-6]
    features[:, STAGE1.index(RECALL_RANKS[0])] = [0, np.nan]  # the second is in the log only
    assert np.argsort(-peer_scores(features, STAGE1)).tolist() == [1, 0]


def test_ties_are_not_broken_in_favour_of_chosen_rows() -> None:
    groups = held_out(400, 0.0)
    constant = compare(groups, np.zeros(len(groups.gain)), STAGE1, 0)
    assert constant.ranker < 0.5
