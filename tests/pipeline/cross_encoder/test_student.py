"""The teachers and the student, from a finished tiny build on: only their steps run again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from under_torchrun import run_two

from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.cross_encoder import teachers
from pipeline.runner.runner import DONE
from text_model.training import Curve

SMALL = {
    "teachers": {
        "click_steps": 4, "quality_steps": 4, "triplets": 4, "labels": 4, "frozen_layers": 5, "pool": 400,
        "checkpoint_every": 2,
    },
    "cross_encoder": {"distil": True, "pairs": 8, "steps": 6, "frozen_layers": 5, "checkpoint_every": 2},
}  # fmt: skip


def figures(work: Path, step: str) -> dict:
    return json.loads((work / step / DONE).read_text())["figures"]


def config(tiny, **cross_encoder: object) -> BuildConfig:
    changed = tiny.bundle.manifest.config | SMALL
    changed["cross_encoder"] = SMALL["cross_encoder"] | cross_encoder
    return BuildConfig.model_validate(changed)


@pytest.fixture(scope="module")
def bundles(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny bundles, in which the student is distilled."""
    copy = tmp_path_factory.mktemp("distilled") / "bundles"
    tiny.link(copy, work=True)
    build(tiny.data, copy, config(tiny), only=["student"])
    return copy


def test_both_teachers_score_pairs_from_the_log_recall_and_random_ones(bundles: Path) -> None:
    made = bundles / "work/teachers"
    pool = np.load(made / "pool.npy")
    count = pool.shape[1]
    assert 300 < count <= 400
    assert len(np.unique(pool, axis=1).T) == count
    assert (pool[0] != pool[1]).all()
    for name, outputs in (("click", 1), ("quality", 5)):
        logits = np.load(made / f"{name}.npy")
        assert logits.shape == (count, outputs)
        assert np.isfinite(logits).all()
        assert logits.std() > 0
        assert (made / f"{name}.onnx").is_file()
    assert not list(made.glob("*.checkpoint"))


def test_the_loss_curves_of_all_three_models_are_kept(bundles: Path) -> None:
    curves = figures(bundles / "work", "teachers")["curves"]
    student = figures(bundles / "work", "student")
    assert curves["click"].keys() == {"step", "click"}
    assert curves["quality"].keys() == {"step", "quality"}
    assert student["curve"]["step"] == [1, 2, 3, 4, 5, 6]
    assert student["curve"].keys() == {"step", "click", "quality"}
    assert student["from"] == "base"
    assert student["parity"]["float_difference"] < 1e-4


def test_a_directly_trained_student_needs_no_teachers(tiny) -> None:
    assert not (tiny.work / "teachers").exists()
    assert figures(tiny.work, "student").keys() >= {"triplets", "labels", "curve"}


def test_a_killed_run_trains_and_stamps_nothing_again(tiny, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = teachers.predict_pool

    def killed(path: Path, *arguments: object) -> np.ndarray:
        if path.stem == "quality":
            raise KeyboardInterrupt
        return real(path, *arguments)

    changed = config(tiny).model_copy(update={"teachers": replace(config(tiny).teachers, quality_steps=3)})
    monkeypatch.setattr(teachers, "predict_pool", killed)
    with pytest.raises(KeyboardInterrupt):
        build(tiny.data, bundles, changed, only=["teachers"])
    written = (bundles / "work/.teachers/click.npy").stat().st_mtime_ns
    steps: list[str] = []
    real_click = teachers.train_click

    def spied(*arguments: object) -> Curve:
        return real_click(*arguments[:-1], lambda done: steps.append("click"))

    monkeypatch.setattr(teachers, "predict_pool", real)
    monkeypatch.setattr(teachers, "train_click", spied)
    build(tiny.data, bundles, changed, only=["teachers"])
    assert steps == []
    assert (bundles / "work/teachers/click.npy").stat().st_mtime_ns == written


def test_a_later_student_starts_from_the_bundles_weights(tiny, bundles: Path) -> None:
    build(tiny.data, bundles, config(tiny, warm_start="previous", steps=1), only=["student"])
    assert figures(bundles / "work", "student")["from"] == tiny.bundle.name


def test_two_processes_predict_the_same_as_one(tiny, bundles: Path, tmp_path: Path) -> None:
    small = replace(config(tiny).teachers, click_steps=3, quality_steps=3, pool=150)
    changed = config(tiny).model_copy(update={"teachers": small})
    (tmp_path / "config.json").write_text(changed.model_dump_json())
    shutil.copytree(bundles, tmp_path / "bundles", copy_function=os.link)
    run_two(Path(__file__).with_name("two_processes.py"), tiny.data, tmp_path / "bundles", tmp_path / "config.json")
    build(tiny.data, bundles, changed, only=["teachers"])
    for name in ("pool", "click", "quality"):
        alone, together = (np.load(root / f"work/teachers/{name}.npy") for root in (bundles, tmp_path / "bundles"))
        assert together == pytest.approx(alone, abs=0.03), name  # sums in another order, then int8
