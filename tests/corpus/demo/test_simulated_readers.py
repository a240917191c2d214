"""The click model: impressions, examination and clicks."""

import numpy as np
import pytest

from corpus.demo.simulated_readers import Impressions, ReaderModel, Sessions, simulate

PAGES, GROUPS, SESSIONS, LENGTH = 200, 10, 2000, 8


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    rng = np.random.default_rng(0)
    page = np.concatenate([rng.permutation(PAGES)[:LENGTH] for _ in range(SESSIONS)])
    return Sessions(np.repeat(np.arange(SESSIONS), LENGTH), page, np.arange(PAGES) % GROUPS)


@pytest.fixture(scope="module")
def shown(sessions: Sessions) -> Impressions:
    return simulate(sessions, ReaderModel(), np.random.default_rng(1))


def test_every_visit_except_the_last_of_a_session_has_an_impression(sessions: Sessions, shown: Impressions) -> None:
    assert len(shown.visit) == SESSIONS * (LENGTH - 1)
    assert not np.any((shown.visit + 1) % LENGTH == 0)


def test_no_page_is_shown_twice_or_on_itself(sessions: Sessions, shown: Impressions) -> None:
    for row, visit in zip(shown.page[:500], shown.visit[:500], strict=True):
        pages = row[row >= 0]
        assert len(set(pages.tolist())) == len(pages)
        assert sessions.page[visit] not in pages


def test_gaps_are_last_and_never_clicked(shown: Impressions) -> None:
    gap = shown.page < 0
    assert np.all(gap[:, :-1] <= gap[:, 1:])
    assert not np.any(shown.clicked[gap])


def test_clicks_decrease_with_the_position_in_random_order(shown: Impressions) -> None:
    model = ReaderModel(explore=1.0)
    rate = shown.clicked[shown.random].mean(axis=0)
    assert rate[0] > rate[2] > rate[4]
    assert rate[0] / rate[1] == pytest.approx(2**model.position_bias, rel=0.25)


def test_later_pages_are_clicked_most_then_siblings_then_others(sessions: Sessions) -> None:
    shown = simulate(sessions, ReaderModel(specific=1.0), np.random.default_rng(1))
    following = shown.page == sessions.page[shown.visit + 1][:, None]
    sibling = (sessions.group[shown.page] == sessions.group[sessions.page[shown.visit]][:, None]) & ~following
    rates = [shown.clicked[kind].mean() for kind in (following, sibling, ~following & ~sibling)]
    assert rates[0] > 1.5 * rates[1] > 3 * rates[2]


def test_a_page_that_everybody_visits_is_clicked_less() -> None:
    rare = np.arange(1, 3 * SESSIONS + 1).reshape(SESSIONS, 3)
    page = np.insert(rare, 1, 0, axis=1).ravel()  # page 0 is second in every session
    sessions = Sessions(np.repeat(np.arange(SESSIONS), 4), page, np.arange(3 * SESSIONS + 1))
    shown = simulate(sessions, ReaderModel(), np.random.default_rng(1))
    next_page = (shown.page == sessions.page[shown.visit + 1][:, None]) & (shown.page >= 0)
    hub = shown.clicked[next_page & (shown.page == 0)].mean()
    assert hub < shown.clicked[next_page & (shown.page > 0)].mean() / 3


def test_a_share_of_the_impressions_is_in_random_order(shown: Impressions) -> None:
    assert shown.random.mean() == pytest.approx(ReaderModel().explore, abs=0.02)


def test_only_clicks_have_a_dwell_time(shown: Impressions) -> None:
    assert np.array_equal(np.isnan(shown.dwell_s), ~shown.clicked)
    assert np.nanmin(shown.dwell_s) > 0


def test_the_seed_determines_the_output(sessions: Sessions, shown: Impressions) -> None:
    again = simulate(sessions, ReaderModel(), np.random.default_rng(1))
    assert np.array_equal(shown.page, again.page)
    assert np.array_equal(shown.clicked, again.clicked)
    other = simulate(sessions, ReaderModel(), np.random.default_rng(2))
    assert not np.array_equal(shown.page, other.page)
