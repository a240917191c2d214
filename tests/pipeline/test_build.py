"""The tiny bundle, end to end: what was published, and that building again does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.build import _notes, build
from pipeline.config import PROFILES, BuildConfig
from ranking.features import STAGE1, STAGE2
from store.bundle import current_name, open_bundle
from store.tables import LmdbTable


def test_the_bundle_is_published_and_whole(tiny) -> None:
    assert open_bundle(tiny.bundles).name == tiny.bundle.name == current_name(tiny.bundles)


def test_the_manifest_says_what_was_built(tiny) -> None:
    manifest = tiny.bundle.manifest
    assert manifest.features == {"stage1": list(STAGE1), "stage2": list(STAGE2)}
    assert manifest.rows["pages"] == manifest.rows["two_tower"] == 300
    assert manifest.dimensions == {"cf": 16, "two_tower": 32}
    assert manifest.data["start"] < manifest.data["labels_from"] < manifest.data["end"]
    assert manifest.notes == []
    assert set(manifest.warmup) <= set(tiny.urls)
    assert manifest.config["two_tower"]["head_steps"] == 40


def test_the_exported_cross_encoder_was_checked_against_the_trained_one(tiny) -> None:
    parity = tiny.bundle.manifest.metrics["student"]["parity"]
    assert parity["float_difference"] < 1e-4
    assert min(parity["int8_click"], parity["int8_quality"]) >= 0.98


def test_every_page_has_a_row_in_every_table(tiny) -> None:
    assert {name: tiny.bundle.manifest.rows[name] for name in ("pages", "coclick", "qprime")} == {
        "pages": 300,
        "coclick": 300,
        "qprime": 300,
    }


def test_building_again_runs_nothing_and_publishes_nothing(tiny, capsys: pytest.CaptureFixture[str]) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    before = {path: path.stat().st_mtime_ns for path in tiny.bundles.rglob("*")}
    again = build(tiny.data, tiny.bundles, config)
    assert again is not None
    assert again.name == tiny.bundle.name
    assert {path: path.stat().st_mtime_ns for path in tiny.bundles.rglob("*")} == before
    assert "✓" not in capsys.readouterr().err


def test_one_step_can_be_run_alone(tiny) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    assert build(tiny.data, tiny.bundles, config, only=["coclick"]) is None


def test_nothing_is_left_half_done(tiny) -> None:
    names = sorted(path.name for path in tiny.bundles.iterdir())
    assert names == sorted([tiny.bundle.name, "current", "work"])
    assert not [path for path in (tiny.bundles / "work").iterdir() if path.name.startswith(".")]


def test_no_file_of_a_bundle_is_a_pickle(tiny) -> None:
    for name in tiny.bundle.manifest.files:
        if name.endswith(".npy"):
            assert np.load(tiny.bundle.file(name), allow_pickle=False) is not None
        else:
            assert name.rpartition(".")[2] in {"lmdb", "faiss", "onnx", "json", "safetensors", "txt"}


def test_steps_say_how_long_they_took(tiny) -> None:
    for step in tiny.work.iterdir():
        assert json.loads((step / "done.json").read_text())["seconds"] >= 0


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_a_valid_configuration(profile: str) -> None:
    assert BuildConfig.model_validate(PROFILES[profile]) != BuildConfig()


def test_the_popular_table_lists_pages_of_each_host(tiny) -> None:
    table = LmdbTable(tiny.work / "pages/all/popular.lmdb")
    assert len(table) == 4  # three hosts, and all of them together
    table.close()


def test_a_bundle_that_a_kill_kept_from_being_current_is_made_current(tiny, tmp_path: Path) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    bundles = tiny.link(tmp_path / "bundles", work=True)
    (bundles / "current").unlink()
    bundle = build(tiny.data, bundles, config)
    assert bundle is not None
    assert bundle.name == tiny.bundle.name == current_name(bundles)
    assert [path.name for path in bundles.glob("[0-9]*")] == [bundle.name]


def test_labels_that_until_could_not_cut_are_told() -> None:
    undated = {"end": "2026-01-01", "tables": {"labels": {"kept": 3, "first": None}}}
    assert any("column `time`" in note for note in _notes(undated, measured=True))
    assert _notes(undated, measured=False) == []
    assert _notes({"end": "2026-01-01", "tables": {}}, measured=True) == []
