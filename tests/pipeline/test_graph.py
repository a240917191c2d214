"""The order of the build, from what each step declares."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.config import BuildConfig
from pipeline.graph import STEPS, GraphError, steps
from pipeline.recall_steps import PATHS, recall_steps
from pipeline.runner.step import Step

ORDER = [
    "read", "text", "counts", "order", "pages", "coclick", "cf", "two_tower", "qprime", "related", "knowledge",
    "popular", "labels", "teachers", "student", "page_states", "stage1", "stage2", "blend", "session", "answers",
]  # fmt: skip
BY_STUDENT = [
    "read", "text", "counts", "order", "pages", "coclick", "cf", "two_tower", "related", "knowledge", "popular",
    "labels", "teachers", "student", "qprime", "page_states", "stage1", "stage2", "blend", "session", "answers",
]  # fmt: skip


def config(distil: bool = True, judge: str = "rubric") -> BuildConfig:
    return BuildConfig.model_validate({"cross_encoder": {"distil": distil}, "qprime": {"judge": judge}})


def order(config: BuildConfig) -> list[str]:
    return [step.name for step in steps(config)]


def inputs(config: BuildConfig, name: str) -> tuple[str, ...]:
    return next(step.after for step in steps(config) if step.name == name)


def step(name: str, *after: str) -> Step:
    return Step(name, lambda work: {}, after=after)


def test_the_order_of_the_build() -> None:
    assert order(config()) == ORDER


def test_a_student_that_judges_is_trained_before_its_search() -> None:
    assert order(config(judge="student")) == BY_STUDENT
    assert "student" in inputs(config(judge="student"), "qprime")
    assert "qprime" not in inputs(config(judge="student"), "teachers")


def test_without_distillation_there_are_no_teachers_and_the_student_reads_none() -> None:
    assert order(config(distil=False)) == [name for name in ORDER if name != "teachers"]
    assert "teachers" in inputs(config(), "student")
    assert "teachers" not in inputs(config(distil=False), "student")


@pytest.mark.parametrize("distil", [True, False])
@pytest.mark.parametrize("judge", ["rubric", "student"])
def test_every_step_comes_after_those_it_reads(distil: bool, judge: str) -> None:
    seen: set[str] = set()
    for one in steps(config(distil, judge)):
        assert set(one.after) <= seen, one.name
        seen.add(one.name)


def test_the_rankers_read_every_recall_path() -> None:
    assert tuple(one.name for one in recall_steps()) == PATHS
    assert set(PATHS) <= set(inputs(config(), "stage1"))
    assert set(PATHS) <= set(inputs(config(), "stage2"))


def test_steps_that_do_not_wait_for_each_other_run_as_declared() -> None:
    shop, bread, soup = step("shop"), step("bread", "shop"), step("soup", "shop")
    for declared in ([shop, bread, soup], [shop, soup, bread], [bread, soup, shop]):
        found = [one.name for one in steps(BuildConfig(), declared)]
        assert found == ["shop", *(one.name for one in declared if one is not shop)]


def test_the_order_is_the_same_however_often_it_is_made() -> None:
    assert all(one == other for one, other in pairwise(order(config()) for _ in range(3)))


def test_a_cycle_names_its_steps() -> None:
    with pytest.raises(GraphError, match=r"the steps form a cycle: (bread → soup → bread|soup → bread → soup)"):
        steps(BuildConfig(), [step("shop"), step("bread", "soup"), step("soup", "shop", "bread")])


def test_an_unknown_input_is_named_with_the_likely_one() -> None:
    with pytest.raises(GraphError, match="step soup reads shpo, which is not a step: did you mean shop"):
        steps(BuildConfig(), [step("shop"), step("soup", "shpo")])
    with pytest.raises(GraphError, match="the steps are shop, soup"):
        steps(BuildConfig(), [step("shop"), step("soup", "zzz")])


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(GraphError, match="two steps are named shop"):
        steps(BuildConfig(), [step("shop"), step("shop")])


def test_a_step_has_the_name_of_its_directory_once() -> None:
    assert len({one.name for one in STEPS}) == len(STEPS)
