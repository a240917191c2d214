"""The teachers' encoder adapted to the site, from a finished tiny build on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from under_torchrun import run_two

from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.graph import steps
from pipeline.runner.runner import DONE
from text_model.base import load_encoder
from text_model.packaged import PACKAGED

SMALL = {
    "adaptation": {"steps": 3, "texts": 4, "text_tokens": 16, "triplets": 4, "checkpoint_every": 2},
    "teachers": {"click_steps": 2, "quality_steps": 2, "triplets": 4, "labels": 4, "frozen_layers": 5, "pool": 100},
    "cross_encoder": {"distil": True, "pairs": 8, "steps": 2, "frozen_layers": 5},
}  # fmt: skip


def config(tiny, **changes: object) -> BuildConfig:
    return BuildConfig.model_validate(tiny.bundle.manifest.config | SMALL | changes)


@pytest.fixture(scope="module")
def bundles(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("adapted") / "bundles"
    tiny.link(copy, work=True)
    build(tiny.data, copy, config(tiny), only=["student"])
    return copy


def weights(base: str) -> torch.Tensor:
    return load_encoder(base).encoder.layer[5].output.dense.weight.detach()


def test_the_adapted_encoder_differs_from_its_base_and_teachers_start_from_it(tiny, bundles: Path) -> None:
    made = bundles / "work/adaptation"
    figures = json.loads((made / DONE).read_text())["figures"]
    assert figures["steps"] == 3
    assert min(figures["texts"], figures["triplets"]) > 0
    assert figures["curve"].keys() == {"step", "masked", "dwell"}
    assert not torch.equal(weights(str(made / "encoder")), weights(PACKAGED))
    assert not (made / "checkpoint").exists()
    assert (bundles / "work/teachers/quality.npy").is_file()


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({}, True),
        ({"adaptation": {"steps": 0}}, False),
        ({"cross_encoder": {"distil": False}}, False),
        ({"cross_encoder": {"distil": False}, "adaptation": {"steps": 3, "student": True}}, True),
    ],
)
def test_the_build_has_the_step_where_a_model_starts_from_it(tiny, changes: dict, there: bool) -> None:
    graph = {step.name: step.after for step in steps(config(tiny, **changes))}
    assert ("adaptation" in graph) is there
    assert ("adaptation" in graph["student"]) is bool(changes.get("adaptation", {}).get("student"))


def test_two_processes_adapt_to_nearly_the_same_weights(tiny, bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config(tiny).model_dump_json())
    shutil.copytree(bundles, tmp_path / "bundles", copy_function=os.link)
    for step in ("adaptation", "teachers"):
        shutil.rmtree(tmp_path / "bundles/work" / step)
    run_two(Path(__file__).with_name("two_processes.py"), tiny.data, tmp_path / "bundles", tmp_path / "config.json")
    alone, together = (weights(str(root / "work/adaptation/encoder")) for root in (bundles, tmp_path / "bundles"))
    assert (alone - together).abs().max() < 1e-3
