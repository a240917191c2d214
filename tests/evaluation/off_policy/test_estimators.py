from __future__ import annotations

import numpy as np
import pytest

from evaluation.off_policy.estimators import estimate
from evaluation.off_policy.log import NO_PAGE, ExplorationLog

PAGES, SHOWN, SHARE = 8, 5, 0.4
RATE = 1 / np.arange(1, SHOWN + 1)


def attraction(rng: np.random.Generator, queries: int) -> np.ndarray:
    return rng.uniform(0.02, 0.6, (queries, PAGES))


def explored(seed: int, impressions: int = 4_000, queries: int = 20) -> tuple[ExplorationLog, np.ndarray, float]:
    """Return a log of half-random lists, another ranking's lists, and what those truly get."""
    rng = np.random.default_rng(seed)
    attracts = attraction(np.random.default_rng(99), queries)
    query = rng.integers(queries, size=impressions)
    order = np.tile(np.arange(PAGES), (impressions, 1))
    shuffled = rng.random(impressions) < SHARE
    order[shuffled] = rng.permuted(order[shuffled], axis=1)
    shown = order[:, :SHOWN]
    propensity = SHARE / PAGES + (1 - SHARE) * (shown == np.arange(SHOWN))
    clicked = rng.random(shown.shape) < RATE * attracts[query[:, None], shown]
    best = np.argsort(-attracts, axis=1)[:, :SHOWN]
    true = float((RATE * np.take_along_axis(attracts, best, axis=1)).sum(axis=1)[query].mean())
    ids = np.uint64(1) + query.astype(np.uint64)
    log = ExplorationLog(ids, shown.astype(np.uint64) + np.uint64(1), propensity, clicked, np.arange(impressions))
    return log, (best + 1).astype(np.uint64)[query], true


def test_all_estimates_cover_what_the_ranking_truly_gets() -> None:
    covered = dict.fromkeys(("ips", "snips", "dr"), 0)
    for seed in range(60):
        log, target, true = explored(seed)
        found = estimate(log, target)
        for name in covered:
            of = getattr(found, name)
            covered[name] += of.low <= true <= of.high
    assert min(covered.values()) >= 51, covered  # 95 % of 60 is 57; fewer than 51 happens once in 2,000 times


def test_estimates_are_unlike_what_was_logged_and_the_click_model_narrows_them() -> None:
    log, target, true = explored(1, 20_000)
    found = estimate(log, target)
    assert found.logged.high < true
    assert found.dr.high - found.dr.low < found.ips.high - found.ips.low
    assert found.dr.mean == pytest.approx(true, rel=0.05)


def test_the_logged_ranking_is_estimated_without_weights() -> None:
    log, _, _ = explored(2)
    everything = ExplorationLog(log.page1, log.shown, np.ones(log.shown.shape), log.clicked, log.cluster)
    found = estimate(everything, log.shown)
    assert found.matched == 1.0
    for of in (found.ips, found.snips, found.dr):
        assert of.mean == pytest.approx(found.logged.mean)


def test_a_ranking_that_was_never_shown_has_no_self_normalized_estimate() -> None:
    log, target, _ = explored(3, 50)
    found = estimate(log, target + np.uint64(100))
    assert np.isnan(found.snips.mean)
    assert found.ips.mean == 0.0


def test_empty_places_of_a_short_list_get_no_clicks() -> None:
    log, target, _ = explored(4)
    short = target.copy()
    short[:, 2:] = NO_PAGE
    assert estimate(log, short).dr.mean < estimate(log, target).dr.mean
