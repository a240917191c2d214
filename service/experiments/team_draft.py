"""Team-draft interleaving: two arms fill one list in turns (Radlinski, Kurup and Joachims, CIKM 2008)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def team_draft(
    lists: Sequence[Sequence[T]], k: int, draw: Random, key: Callable[[T], Hashable]
) -> tuple[list[T], list[int]]:
    """Return at most `k` entries of two lists without repeats (by `key`), and the list that placed each: 0 or 1.

    The list that has placed fewer entries is next; a coin decides between equals. It places its best entry that is not
    yet there. When one list has none left, the other fills the rest.
    """
    chosen: list[T] = []
    teams: list[int] = []
    seen: set[Hashable] = set()
    while len(chosen) < k:
        second = teams.count(1)
        first = len(teams) - second
        turn = draw.randrange(2) if first == second else int(second < first)
        for team in (turn, 1 - turn):
            best = next((entry for entry in lists[team] if key(entry) not in seen), None)
            if best is not None:
                break
        else:
            return chosen, teams
        chosen.append(best)
        teams.append(team)
        seen.add(key(best))
    return chosen, teams
