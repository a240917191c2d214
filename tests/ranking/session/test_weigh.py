from __future__ import annotations

import numpy as np
import pytest

from ranking.session.config import HISTORY
from ranking.session.train import Examples
from ranking.session.weigh import Lists, choose

LISTS, WIDTH, STEPS = 20, 10, 600


@pytest.fixture
def lists() -> Lists:
    sizes = np.full(LISTS, WIDTH, np.int32)
    score = np.tile(np.linspace(2, -2, WIDTH, dtype=np.float32), LISTS)
    return Lists.of(np.arange(1, LISTS + 1), sizes, np.tile(np.arange(101, 101 + WIDTH), LISTS), score)


def steps(seed: int = 0) -> Examples:
    generator = np.random.default_rng(seed)
    trigger, chosen = generator.integers(1, LISTS + 1, STEPS), generator.integers(101, 101 + WIDTH, STEPS)
    history = np.zeros((STEPS, HISTORY), np.int64)
    history[:, -1] = chosen  # so that a scorer can know
    return Examples(np.arange(STEPS, dtype=np.uint64) // 3, trigger, history, chosen)


def test_a_network_that_knows_gets_a_weight(lists) -> None:
    found = choose(steps(), lambda trigger, way, listed: 5.0 * (listed == way[:, -1:]), lists, 0)
    assert found.weight > 0
    assert found.ndcg_with > 0.95 > found.ndcg
    assert 0 < found.low <= found.ndcg_with - found.ndcg


@pytest.mark.parametrize("seed", range(3))
def test_a_network_of_noise_gets_none(lists, seed) -> None:
    noise = np.random.default_rng(seed)
    found = choose(steps(), lambda trigger, way, listed: noise.normal(size=listed.shape), lists, 0)
    assert found.weight == 0


def test_noise_is_told_to_gain_nothing(lists) -> None:
    def noise(trigger, way, listed):
        return generator.normal(size=listed.shape)

    told = []
    for seed in range(100):
        generator = np.random.default_rng(1_000 + seed)
        told.append(choose(steps(seed), noise, lists, 0))
    gain = np.mean([found.ndcg_with - found.ndcg for found in told])
    assert abs(gain) < 0.003  # the best of the weights, on the steps that choose it, gains .010
    assert sum(found.weight > 0 for found in told) <= 20  # where the order is as good as noise, noise costs nothing


def test_one_session_alone_tells_nothing(lists) -> None:
    asked = steps()
    alone = Examples(np.zeros(STEPS, np.uint64), asked.trigger, asked.history, asked.chosen)
    assert choose(alone, lambda trigger, way, listed: 5.0 * (listed == way[:, -1:]), lists, 0).weight == 0


def test_where_stage_2_is_an_order_of_counts_the_network_multiplies_them(lists) -> None:
    counts = Lists(lists.row, lists.candidates, lists.score, lowest=-2.0)

    def knows(trigger, way, listed):
        return 2.0 * (listed == way[:, -1:]).astype(np.float32)

    found = choose(steps(), knows, counts, 0)
    assert found.weight > 0
    assert found.ndcg_with > found.ndcg
    asked = steps()
    without = asked.take(np.flatnonzero(asked.chosen == 100 + WIDTH))  # the last page of each list has no count
    assert choose(without, knows, counts, 0).ndcg_with == 0


@pytest.mark.parametrize("offset", [5.0, -10.0])
def test_an_offset_of_all_scores_changes_nothing(lists, offset) -> None:
    counts = Lists(lists.row, lists.candidates, lists.score, lowest=-2.0)

    def knows(trigger, way, listed, more=0.0):
        return 2.0 * (listed == way[:, -1:]).astype(np.float32) + np.float32(more)

    found = choose(steps(), lambda *asked: knows(*asked, more=offset), counts, 0)
    assert found == choose(steps(), knows, counts, 0)


def test_a_chosen_page_outside_the_list_counts_as_nothing(lists) -> None:
    asked = steps()
    away = Examples(asked.session, asked.trigger, asked.history, np.full(STEPS, 7))
    found = choose(away, lambda trigger, way, listed: np.zeros(listed.shape, np.float32), lists, 0)
    assert (found.weight, found.ndcg, found.ndcg_with) == (0, 0, 0)


def test_lists_of_other_lengths_are_padded_and_the_first_of_a_page_counts() -> None:
    found = Lists.of(
        np.array([5, 2, 5]), np.array([1, 3, 2], np.int32), np.arange(11, 17), np.arange(6, dtype=np.float32)
    )
    assert found.row.tolist() == [2, 5]
    assert found.candidates.tolist() == [[12, 13, 14], [11, 0, 0]]
    assert found.have(np.array([2, 3, 5])).tolist() == [True, False, True]


def test_a_gain_below_the_fifth_place_is_no_reason_for_a_weight(lists) -> None:
    asked = steps()
    low = asked.take(np.flatnonzero(asked.chosen > 108))  # places 9 and 10
    found = choose(low, lambda trigger, way, listed: 0.5 * (listed == way[:, -1:]), lists, 0)
    assert found.nats_low > 0
    assert (found.weight, found.ndcg_with) == (0, found.ndcg)


def test_a_network_that_orders_tied_pages_gains(lists) -> None:
    tied = Lists(lists.row, lists.candidates, np.zeros_like(lists.score))
    found = choose(steps(), lambda trigger, way, listed: 1.0 * (listed == way[:, -1:]), tied, 0)
    assert found.weight > 0
    assert found.ndcg < 0.5 < found.ndcg_with


def test_a_handful_of_sessions_tells_nothing(lists) -> None:
    asked = steps()
    few = Examples(np.arange(STEPS, dtype=np.uint64) % 10, asked.trigger, asked.history, asked.chosen)
    assert choose(few, lambda trigger, way, listed: 5.0 * (listed == way[:, -1:]), lists, 0).weight == 0


def readers(seed: int, weight: float, base: np.ndarray, count: int = 300) -> tuple[Examples, np.ndarray]:
    """Readers who choose by `base` and a number of their own, whose weight is known, and that number."""
    generator = np.random.default_rng(seed)
    own = generator.normal(size=(count, WIDTH)).astype(np.float32)
    chance = np.exp(base + weight * own)
    chance /= chance.sum(axis=1, keepdims=True)
    place = (chance.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1)
    history = np.zeros((count, HISTORY), np.int64)
    history[:, -1] = np.arange(count)
    chosen = np.minimum(101 + place, 100 + WIDTH)
    return Examples(
        np.arange(count, dtype=np.uint64) // 3, generator.integers(1, LISTS + 1, count), history, chosen
    ), own


@pytest.mark.parametrize("counted", [False, True])
def test_a_few_hundred_steps_tell_the_weight_by_which_readers_chose(lists, counted) -> None:
    logits = lists.score[0]
    shares = np.exp(logits - logits.max())
    ranked = Lists(lists.row, lists.candidates, np.tile(shares - 2, (LISTS, 1)), lowest=-2.0) if counted else lists
    found = []
    for seed in range(10):
        asked, own = readers(seed, 0.5, logits)
        found.append(choose(asked, lambda trigger, way, listed, own=own: own[way[:, -1]], ranked, seed))
    assert {0.3 <= each.weight <= 0.7 for each in found} == {True}  # by the best NDCG@5, some are 0 and others 1.4
    assert all(each.nats >= each.nats_low > 0 for each in found)


def test_scores_beyond_what_an_order_of_counts_takes_are_weighed_as_they_are_served(lists) -> None:
    shares = np.linspace(1, 0.1, WIDTH, dtype=np.float32)
    ranked = Lists(lists.row, lists.candidates, np.tile(shares - 2, (LISTS, 1)), lowest=-2.0)
    asked, own = readers(0, 4.0, np.log(shares), 1_000)
    found = choose(asked, lambda trigger, way, listed: 4 * own[way[:, -1]], ranked, 0)
    assert 0.3 <= found.weight <= 0.7  # of 1, scores of 4 and more are all the same
