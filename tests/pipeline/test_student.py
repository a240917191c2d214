"""The teachers and the student, from a finished tiny build on: only their steps run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.step import DONE

SMALL = {
    "teachers": {
        "click_steps": 4, "quality_steps": 4, "triplets": 4, "labels": 4, "frozen_layers": 5, "checkpoint_every": 2,
    },
    "cross_encoder": {"distil": True, "pool": 400, "pairs": 8, "steps": 6, "frozen_layers": 5, "checkpoint_every": 2},
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
    shutil.copytree(tiny.bundles, copy)
    build(tiny.data, copy, config(tiny), only=["student"])
    return copy


def test_both_teachers_stamp_pairs_of_the_log_of_recall_and_strangers(bundles: Path) -> None:
    teachers = bundles / "work/teachers"
    pool = np.load(teachers / "pool.npy")
    count = pool.shape[1]
    assert 300 < count <= 400
    assert len(np.unique(pool, axis=1).T) == count
    assert (pool[0] != pool[1]).all()
    for name, outputs in (("click", 1), ("quality", 5)):
        logits = np.load(teachers / f"{name}.npy")
        assert logits.shape == (count, outputs)
        assert np.isfinite(logits).all()
        assert logits.std() > 0
    assert not list(teachers.glob("*.checkpoint"))


def test_the_curves_of_all_three_are_kept(bundles: Path) -> None:
    curves = figures(bundles / "work", "teachers")["curves"]
    student = figures(bundles / "work", "student")
    assert curves["click"].keys() == {"step", "click"}
    assert curves["quality"].keys() == {"step", "quality"}
    assert student["curve"]["step"] == [1, 2, 3, 4, 5, 6]
    assert student["curve"].keys() == {"step", "click", "quality"}
    assert student["from"] == "base"
    assert student["parity"]["float_difference"] < 1e-4


def test_a_student_that_learns_directly_needs_no_teachers(tiny) -> None:
    assert figures(tiny.work, "teachers") == {"distil": "off"}
    assert figures(tiny.work, "student").keys() >= {"triplets", "labels", "curve"}


def test_a_later_student_starts_from_the_bundles(tiny, bundles: Path) -> None:
    build(tiny.data, bundles, config(tiny, warm_start="previous", steps=1), only=["student"])
    assert figures(bundles / "work", "student")["from"] == tiny.bundle.name
