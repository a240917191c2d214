from __future__ import annotations

import numpy as np
import pytest

from cascade.executor import NOT_RECALLED, Cascade
from cascade.types import Candidates
from evaluation.contributions import Contributions, without_each

PAGES = np.array([11, 12, 13], np.uint64)
SCORED = Candidates(
    PAGES,
    {
        "rank_coclick": np.array([0, 1, NOT_RECALLED], np.uint16),
        "rank_qprime": np.array([NOT_RECALLED, 0, 4], np.uint16),
        "quality": np.array([1.0, 2.0, 3.5], np.float32),
    },
)


def test_an_answer_counts_for_the_one_path_that_found_it() -> None:
    found = Contributions()
    found.add(SCORED, PAGES)
    found.add(SCORED, PAGES[1:])
    assert found.answers == 5
    assert found.figures() == {
        "coclick": {"alone": 1, "share_alone": 0.2, "mean_quality": 1.0},
        "qprime": {"alone": 2, "share_alone": 0.4, "mean_quality": 3.5},
    }


def test_a_path_without_pages_of_its_own_has_no_quality() -> None:
    found = Contributions()
    found.add(SCORED, PAGES[1:2])
    assert found.figures()["coclick"] == {"alone": 0, "share_alone": 0.0, "mean_quality": None}


def test_an_empty_answer_counts_nothing() -> None:
    found = Contributions()
    found.add(SCORED, PAGES[:0])
    assert found.figures() == {}


@pytest.mark.parametrize("left_out", ["coclick", "cf", "two_tower", "qprime"])
def test_each_path_is_left_out_once(cascade: Cascade, left_out: str) -> None:
    others = dict(without_each(cascade))
    assert len(others) == len(cascade.recall)
    names = {step.path.name for step in cascade.recall}
    assert {step.path.name for step in others[left_out].recall} == names - {left_out}
