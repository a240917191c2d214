from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import BuildConfig
from pipeline.graph import steps
from pipeline.runner.runner import Runner
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from store.file_hashes import hash_files


class Kitchen:
    """Three steps that count how often they ran: `soup` and `bread` after `shop`, which draws nothing at random."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        self.breaks: str | None = None

    def steps(self) -> list[Step]:
        return [
            Step("shop", self.run("shop"), config=("examples",), seeded=False),
            Step("soup", self.run("soup"), after=("shop",), config=("cf",)),
            Step("bread", self.run("bread"), after=("shop",), config=("coclick",)),
        ]

    def run(self, name: str) -> Callable[[Work], dict[str, object]]:
        def step(work: Work) -> dict[str, object]:
            (work.directory / "half").write_text(name)
            if self.breaks == name:
                raise KeyboardInterrupt
            self.ran.append(name)
            return {"rows": len(self.ran)}

        return step

    def cook(self, inputs: str = "market", **config: object) -> Runner:
        self.ran.clear()
        runner = Runner(self.root, BuildConfig.model_validate(config), inputs)
        runner.run(self.steps())
        return runner


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def test_finished_steps_are_skipped(kitchen: Kitchen) -> None:
    first = kitchen.cook()
    second = kitchen.cook()
    assert kitchen.ran == []
    assert second.figures == first.figures == {name: {"rows": i} for i, name in enumerate(("shop", "soup", "bread"), 1)}
    assert second.identity() == first.identity()


def test_a_changed_setting_runs_the_step_that_reads_it_alone(kitchen: Kitchen) -> None:
    first = kitchen.cook()
    second = kitchen.cook(cf={"iterations": 3})
    assert kitchen.ran == ["soup"]
    assert second.identity() != first.identity()


@pytest.mark.parametrize(("config", "runs"), [({"dimension": 8}, 2), ({"iterations": 3}, 1)])
def test_a_step_may_read_one_setting_of_a_part(kitchen: Kitchen, config: dict[str, int], runs: int) -> None:
    step = Step("soup", kitchen.run("soup"), config=("cf.dimension",))
    for cf in ({}, config):
        Runner(kitchen.root, BuildConfig.model_validate({"cf": cf}), "").run([step])
    assert len(kitchen.ran) == runs


@pytest.mark.parametrize(
    ("config", "rest"),
    [
        ({"examples": {"negatives": 7}}, {"stage1", "stage2", "blend", "session", "answers"}),
        ({"examples": {"stage2_pages": 7}}, {"stage1", "stage2", "blend", "session", "answers"}),
        ({"engine": {"threads": 1, "memory": "1GB"}}, set()),
    ],
)
def test_a_setting_of_the_examples_or_the_engine_trains_nothing_else_again(
    tmp_path: Path, config: dict[str, object], rest: set[str]
) -> None:
    def keys(given: BuildConfig) -> dict[str, str]:
        runner = Runner(tmp_path, given, "")
        for step in steps(given):
            runner._keys[step.name] = runner._key(step)
        return runner._keys

    one, other = keys(BuildConfig()), keys(BuildConfig.model_validate(config))
    assert {step for step, key in one.items() if other[step] != key} == rest


def test_a_changed_setting_runs_the_steps_after_it_too(kitchen: Kitchen) -> None:
    kitchen.cook()
    kitchen.cook(examples={"label_share": 0.1})
    assert kitchen.ran == ["shop", "soup", "bread"]


def test_a_setting_that_no_step_reads_runs_nothing(kitchen: Kitchen) -> None:
    kitchen.cook()
    kitchen.cook(qprime={"queries_a_page": 3} if "queries_a_page" in _fields("qprime") else {})
    assert kitchen.ran == []


def _fields(part: str) -> set[str]:
    return set(BuildConfig().model_dump()[part])


def test_other_inputs_run_everything(kitchen: Kitchen) -> None:
    kitchen.cook()
    kitchen.cook("another market")
    assert kitchen.ran == ["shop", "soup", "bread"]


def test_another_seed_runs_what_draws_at_random(kitchen: Kitchen) -> None:
    kitchen.cook()
    kitchen.cook(seed=1)
    assert kitchen.ran == ["soup", "bread"]


def test_a_kill_leaves_no_half_step_and_the_next_run_goes_on_from_there(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.breaks = "soup"
    with pytest.raises(KeyboardInterrupt):
        kitchen.cook()
    assert (tmp_path / "shop").is_dir()
    assert not (tmp_path / "soup").exists()
    kitchen.breaks = None
    kitchen.cook()
    assert kitchen.ran == ["soup", "bread"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bread", "shop", "soup"]


def test_a_kill_while_a_step_is_made_again_leaves_nothing_stale(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.cook()
    kitchen.breaks = "soup"
    with pytest.raises(KeyboardInterrupt):
        kitchen.cook(cf={"iterations": 3})
    assert not (tmp_path / "soup").exists()


def test_a_kill_while_an_old_step_is_thrown_away_leaves_no_part_that_passes_for_whole(
    kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen.cook()

    def killed(directory: Path, ignore_errors: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("shutil.rmtree", killed)
        kitchen.cook(cf={"iterations": 3})
    kitchen.cook()
    assert "soup" in kitchen.ran


def test_a_damaged_record_runs_the_step_again(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.cook()
    (tmp_path / "soup/done.json").write_text("{")
    kitchen.cook()
    assert kitchen.ran == ["soup"]


def test_a_step_records_its_figures_and_time(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.cook()
    done = json.loads((tmp_path / "soup/done.json").read_text())
    assert done["figures"] == {"rows": 2}
    assert done["seconds"] >= 0


def test_a_step_sees_its_part_of_the_configuration_and_the_steps_before(tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []

    def second(work: Work) -> dict[str, object]:
        seen.append((work.config.cf.iterations, (work.of("first") / "made").read_text()))
        return {}

    def first(work: Work) -> dict[str, object]:
        (work.directory / "made").write_text("by first")
        return {}

    config = BuildConfig.model_validate({"cf": {"iterations": 3}})
    Runner(tmp_path, config, "").run([Step("first", first), Step("second", second, after=("first",), config=("cf",))])
    assert seen == [(3, "by first")]


def test_a_hash_of_files_knows_names_and_bytes(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"one")
    assert hash_files([a]) != hash_files([b])
    before = hash_files([a, b])
    b.write_bytes(b"two")
    assert hash_files([a, b]) != before


def test_a_step_that_resumes_goes_on_with_what_a_killed_run_left(tmp_path: Path) -> None:
    found: list[list[str]] = []

    def step(work: Work) -> dict[str, object]:
        found.append(sorted(path.name for path in work.directory.iterdir() if path.name != "begun"))
        (work.directory / "half").touch()
        if len(found) in (1, 2):
            raise KeyboardInterrupt
        return {}

    def run(**config: object) -> None:
        steps = [Step("train", step, config=("cf",), resumes=True)]
        Runner(tmp_path, BuildConfig.model_validate(config), "").run(steps)

    with pytest.raises(KeyboardInterrupt):
        run()
    with pytest.raises(KeyboardInterrupt):
        run()
    run(cf={"iterations": 3})  # another run: nothing of the old one is of use
    assert found == [[], ["half"], []]
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["done.json", "half"]


def test_what_a_step_reads_from_outside_runs_it_again(tmp_path: Path) -> None:
    ran: list[str] = []

    def step(work: Work) -> dict[str, object]:
        ran.append("")
        return {}

    for endpoint in ("one", "one", "two"):
        asks = Step("ask", step, external=lambda config, endpoint=endpoint: endpoint)
        Runner(tmp_path, BuildConfig(), "").run([asks])
    assert len(ran) == 2


def test_a_bundle_is_another_when_other_code_publishes_it(kitchen: Kitchen) -> None:
    def identity(*publishing: str) -> str:
        runner = Runner(kitchen.root, BuildConfig(), "", publishing=publishing)
        runner.run(kitchen.steps())
        return runner.identity()

    assert identity("pipeline.build") == identity("pipeline.build") != identity("store.bundle")
