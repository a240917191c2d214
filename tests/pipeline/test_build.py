"""The tiny bundle, end to end: what was published, and that building again does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.build import build
from pipeline.config import PROFILES, BuildConfig
from pipeline.manifest import answerable, undated_labels
from ranking.features import STAGE1, STAGE2
from ranking.lightgbm.train import write_untrained
from recall.popular import build as popular
from service.bundles.check_before_publish import opens
from store.bundle import BundleError, current_name, open_bundle
from store.one_run import LOCK
from store.page_row import FACTS, PageText, language_code, pack
from store.tables import LmdbTable, write_table


def test_the_bundle_is_published_and_complete(tiny) -> None:
    assert open_bundle(tiny.bundles).name == tiny.bundle.name == current_name(tiny.bundles)


def test_the_manifest_describes_the_build(tiny) -> None:
    manifest = tiny.bundle.manifest
    assert manifest.features == {"stage1": list(STAGE1), "stage2": list(STAGE2)}
    assert manifest.rows["pages"] == manifest.rows["two_tower"] == manifest.rows["knowledge"] == 300
    assert manifest.dimensions == {"cf": 16, "two_tower": 32, "knowledge": 24}
    assert manifest.search == {"cf": "", "two_tower": "", "knowledge": ""}  # exact, as below 50,000 pages
    assert manifest.data["start"] < manifest.data["labels_from"] < manifest.data["end"]
    assert manifest.notes == ["λ = 0.32 is the default: too few held-out clicks to choose it by"]
    assert set(manifest.warmup) <= set(tiny.urls)
    assert manifest.config["two_tower"]["head_steps"] == 40


def test_the_exported_cross_encoder_agrees_with_the_trained_one(tiny) -> None:
    parity = tiny.bundle.manifest.metrics["student"]["parity"]
    assert parity["float_difference"] < 1e-4
    assert min(parity["int8_click"], parity["int8_quality"]) >= 0.98


def test_every_page_has_a_row_in_every_table(tiny) -> None:
    assert {name: tiny.bundle.manifest.rows[name] for name in ("pages", "coclick", "qprime")} == {
        "pages": 300,
        "coclick": 300,
        "qprime": 300,
    }


def _changed(bundles: Path) -> dict[Path, int]:
    """When each file and directory was changed; a lock's holder is noted in it and removed again."""
    return {path: path.stat().st_mtime_ns for path in bundles.rglob("*") if path.name != LOCK}


def test_building_again_runs_nothing_and_publishes_nothing(tiny, capsys: pytest.CaptureFixture[str]) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    before = _changed(tiny.bundles)
    again = build(tiny.data, tiny.bundles, config)
    assert again is not None
    assert again.name == tiny.bundle.name
    assert _changed(tiny.bundles) == before
    assert "✓" not in capsys.readouterr().err


def test_one_step_can_be_run_alone(tiny) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    assert build(tiny.data, tiny.bundles, config, only=["coclick"]) is None


def test_no_partial_output_is_left(tiny) -> None:
    names = sorted(path.name for path in tiny.bundles.iterdir())
    assert names == sorted([LOCK, tiny.bundle.name, "current", "work"])
    assert not [path for path in (tiny.bundles / "work").iterdir() if path.name.startswith(".")]


def test_no_file_of_a_bundle_is_a_pickle(tiny) -> None:
    for name in tiny.bundle.manifest.files:
        if name.endswith(".npy"):
            assert np.load(tiny.bundle.file(name), allow_pickle=False) is not None
        else:
            assert name.rpartition(".")[2] in {"lmdb", "faiss", "onnx", "json", "safetensors", "txt"}


def test_steps_report_their_time(tiny) -> None:
    for step in tiny.work.iterdir():
        assert json.loads((step / "done.json").read_text())["seconds"] >= 0


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_a_valid_configuration(profile: str) -> None:
    assert BuildConfig.model_validate(PROFILES[profile]) != BuildConfig()


def test_the_popular_table_lists_pages_of_each_host(tiny) -> None:
    table = LmdbTable(tiny.work / "popular/all/popular.lmdb")
    assert len(table) == 4  # three hosts, and all of them together
    table.close()


def test_a_finished_bundle_of_a_killed_run_becomes_current(tiny, tmp_path: Path) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    bundles = tiny.link(tmp_path / "bundles", work=True)
    (bundles / "current").unlink()
    bundle = build(tiny.data, bundles, config)
    assert bundle is not None
    assert bundle.name == tiny.bundle.name == current_name(bundles)
    assert [path.name for path in bundles.glob("[0-9]*")] == [bundle.name]


def test_a_bundle_that_does_not_open_is_not_published(tiny, tmp_path: Path) -> None:
    bundles = tiny.link(tmp_path / "bundles", work=True)
    model = bundles / "work/stage1/model.txt"
    model.unlink()  # a link to the file that other tests read
    write_untrained(("another", "feature"), model)
    config = BuildConfig.model_validate(tiny.bundle.manifest.config).model_copy(update={"quality_weight": 0.4})
    with pytest.raises(BundleError, match=r"it was not published: .* other features"):
        build(tiny.data, bundles, config, opens=opens)
    assert sorted(path.name for path in bundles.iterdir()) == [LOCK, tiny.bundle.name, "current", "work"]
    assert current_name(bundles) == tiny.bundle.name


def test_a_current_bundle_that_does_not_open_is_rebuilt(tiny, tmp_path: Path) -> None:
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    bundles = tiny.link(tmp_path / "bundles", work=True)

    def refused(directory: Path, name: str) -> None:
        if name == tiny.bundle.name:
            raise BundleError("made by an older version")

    bundle = build(tiny.data, bundles, config, opens=refused)
    assert bundle is not None
    assert bundle.name == current_name(bundles) != tiny.bundle.name
    opens(bundles, bundle.name)


def test_only_answerable_pages_are_warm_up_urls(tmp_path: Path) -> None:
    facts = np.zeros(4, FACTS)
    facts["page"], facts["address"] = (1, 2, 3, 4), (1, 2, 3, 4)
    facts["language"] = [language_code(tag) for tag in ("th", "en", "en", "en")]
    facts["spam"][3] = 1
    texts = [PageText(f"https://a.example/{page}", "", "", "") for page in facts["page"]]
    rows = [pack(fact, np.empty(0, np.uint32), text) for fact, text in zip(facts, texts, strict=True)]
    write_table(tmp_path / "pages.lmdb", zip(facts["page"].tolist(), rows, strict=True))
    write_table(tmp_path / "popular.lmdb", popular.build(facts["page"], facts["host"], facts["clicks_all"]))
    tables = [LmdbTable(tmp_path / f"{name}.lmdb") for name in ("popular", "pages")]
    found = list(answerable(*tables))
    for table in tables:
        table.close()
    assert found == [f"https://a.example/{page}" for page in (2, 3, 4)]  # the only Thai page has no other


def test_labels_without_times_are_noted_in_a_build_with_until() -> None:
    undated = {"end": "2026-01-01", "tables": {"labels": {"kept": 3, "first": None}}}
    assert any("column `time`" in note for note in undated_labels(undated, measured=True))
    assert list(undated_labels(undated, measured=False)) == []
    assert list(undated_labels({"end": "2026-01-01", "tables": {}}, measured=True)) == []
