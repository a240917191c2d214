"""What a cascade says of itself is what it runs with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cascade.description import Part, describe
from cascade.executor import Cascade, RecallStep
from cascade.types import Candidates, Query


class NoGermans:
    name = "no_germans"

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return np.ones(len(candidates), np.bool_)

    def describe(self) -> str:
        return "three hosts"


def only(cascade: Cascade, role: str) -> list[Part]:
    return [part for part in describe(cascade) if part.role == role]


def test_the_parts_come_in_the_order_of_a_request(cascade: Cascade) -> None:
    roles = list(dict.fromkeys(part.role for part in describe(cascade)))
    order = ["trigger", "recall", "merge", "hydrate", "filter", "column", "stage", "anytime", "select", "fallback"]
    assert roles == order


def test_recall_paths_show_their_limits_and_timeouts(cascade: Cascade) -> None:
    shown = [(part.name, part.limit, part.timeout_s) for part in only(cascade, "recall")]
    assert shown == [(step.path.name, step.limit, step.timeout_s) for step in cascade.recall]
    changed = replace(cascade, recall=[RecallStep(cascade.recall[0].path, 7, 0.5)])
    assert [(part.limit, part.timeout_s) for part in only(changed, "recall")] == [(7, 0.5)]


def test_stages_show_their_hydrators_and_how_many_they_keep(cascade: Cascade) -> None:
    first, second, last = cascade.stages
    assert [part.name for part in only(cascade, "column")] == [hydrator.name for hydrator in first.hydrators]
    assert [part.name for part in only(cascade, "anytime")] == ["cross_encoder"]
    shown = [(part.name, part.limit, part.timeout_s) for part in only(cascade, "stage")]
    assert shown == [(stage.name, stage.keep_top, stage.timeout_s) for stage in (first, second, last)]


def test_a_part_is_found_in_its_file_and_says_how_it_is_set(cascade: Cascade) -> None:
    files = {part.name: part.file for part in describe(cascade)}
    assert (files["merge"], files["cf"], files["spam"]) == (
        "recall/merge.py",
        "recall/cf/lookup.py",
        "ranking/filters.py",
    )
    about = {part.name: part.about for part in describe(replace(cascade, filters=[NoGermans()]))}
    assert about["no_germans"] == "three hosts"
    assert about["stage1"].startswith("LightGBM, ")
    assert about["coclick"] == ""


@pytest.mark.parametrize("minimum", [0.0, 2.5])
def test_select_shows_its_rules(cascade: Cascade, minimum: float) -> None:
    from ranking.select import Select

    (part,) = only(replace(cascade, select=Select(3, minimum)), "select")
    assert part.about.startswith("at most 3 per host")
    assert ("quality ≥ 2.5" in part.about) == (minimum == 2.5)
