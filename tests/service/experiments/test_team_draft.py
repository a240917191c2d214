from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.experiments.exploring import explored
from service.experiments.team_draft import team_draft

LISTS = st.lists(st.integers(0, 30), unique=True, max_size=12)


def itself(page: int) -> int:
    return page


@given(LISTS, LISTS, st.integers(1, 30), st.integers())
def test_a_drafted_list_has_no_repeats_and_each_team_places_its_own_best(first, second, k, seed) -> None:
    pages, teams = team_draft((first, second), k, Random(seed), itself)
    assert len(set(pages)) == len(pages) == len(teams) == min(k, len({*first, *second}))
    for place, (page, team) in enumerate(zip(pages, teams, strict=True)):
        left = [other for other in (first, second)[team] if other not in pages[:place]]
        assert page == left[0]


@given(LISTS.filter(lambda pages: len(pages) > 5), st.integers())
def test_teams_of_long_lists_differ_by_one_place_at_most(pages, seed) -> None:
    _, teams = team_draft((pages, pages[::-1]), 5, Random(seed), itself)
    assert abs(teams.count(0) - teams.count(1)) <= 1


def test_equal_lists_are_credited_evenly() -> None:
    drafts = [team_draft((range(5), range(5)), 5, Random(seed), itself)[1] for seed in range(4_000)]
    first_places = [sum(teams[place] for teams in drafts) / len(drafts) for place in range(5)]
    assert first_places == pytest.approx([0.5] * 5, abs=0.03)


def test_propensities_are_the_frequencies_of_each_page_at_each_place() -> None:
    draws = [explored("abcd", 3, 0.4, Random(seed)) for seed in range(20_000)]
    for place in range(3):
        for page in "abcd":
            [said] = {chances[place] for pages, chances, _ in draws if pages[place] == page}
            happened = sum(pages[place] == page for pages, *_ in draws) / len(draws)
            assert said == pytest.approx(happened, abs=0.012)


def test_nothing_to_explore_is_no_error() -> None:
    assert explored([], 5, 0.5, Random(0))[:2] == ([], [])
