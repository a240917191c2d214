import numpy as np
import pytest

from ranking.blend import fit
from ranking.quality_weight import HeldOutLists, RuleConfig, choose

RULE = RuleConfig(fewest_pages=10, fewest_clicks=10)
LISTS, ROWS = 200, 10


def held_out(lists: int = LISTS) -> tuple[HeldOutLists, np.ndarray, np.ndarray, np.ndarray]:
    """Lists whose clicks follow stage 2's order, with a quality score that knows nothing of clicks."""
    draw = np.random.default_rng(0)
    stage2 = draw.normal(size=lists * ROWS)
    chosen = draw.random(len(stage2)) < 0.5 / (1 + np.exp(-2 * stage2))
    found = HeldOutLists(np.arange(lists, dtype=np.uint64), np.full(lists, ROWS, np.int32), chosen.astype(np.float32))
    return found, stage2, draw.normal(size=len(stage2)), draw.normal(size=len(stage2))


def test_a_quality_that_costs_clicks_gets_little_weight() -> None:
    lists, stage2, quality, peer = held_out()
    chosen = choose(fit(stage2, quality), lists, stage2, quality, peer, RULE)
    assert chosen is not None
    assert chosen.quality_weight < 0.32
    assert chosen.ndcg_chosen >= chosen.ndcg * (1 - RULE.most_clicks_lost)


def test_a_quality_that_readers_follow_gets_all_weight() -> None:
    lists, stage2, _, peer = held_out()
    chosen = choose(fit(peer, stage2), lists, peer, stage2, peer, RULE)
    assert chosen is not None
    assert chosen.quality_weight == 1.0
    assert chosen.quality_chosen > chosen.quality


def test_a_looser_bound_buys_more_quality() -> None:
    lists, stage2, quality, peer = held_out()
    blend = fit(stage2, quality)
    strict, loose = (
        choose(blend, lists, stage2, quality, peer, RuleConfig(bound, 300, 10, 10)) for bound in (0.0, 0.2)
    )
    assert strict is not None and loose is not None
    assert loose.quality_weight > strict.quality_weight
    assert loose.quality_chosen > strict.quality_chosen


def test_the_chosen_order_is_not_below_the_simplest_one() -> None:
    lists, stage2, quality, _ = held_out()
    nearly = stage2 + np.random.default_rng(1).normal(scale=0.2, size=len(stage2))
    chosen = choose(fit(stage2, quality), lists, stage2, quality, nearly, RuleConfig(0.5, 300, 10, 10))
    assert chosen is not None
    assert chosen.ndcg_peer <= chosen.ndcg
    assert chosen.ndcg_chosen >= chosen.ndcg_peer


@pytest.mark.parametrize("rule", [RuleConfig(fewest_pages=LISTS + 1), RuleConfig(fewest_clicks=10**6)])
def test_too_few_clicks_cannot_tell(rule: RuleConfig) -> None:
    lists, stage2, quality, peer = held_out()
    assert choose(fit(stage2, quality), lists, stage2, quality, peer, rule) is None


def test_lists_without_clicks_cannot_tell() -> None:
    lists, stage2, quality, peer = held_out()
    nothing = HeldOutLists(lists.page, lists.size, np.zeros_like(lists.gain))
    assert choose(fit(stage2, quality), nothing, stage2, quality, peer, RULE) is None
