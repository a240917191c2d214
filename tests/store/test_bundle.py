from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corpus.urls.url import rules_of
from corpus.urls.url_rules import RULES, UrlRules
from store.bundle import (
    FORMAT,
    BundleError,
    Manifest,
    Opens,
    bundle_name,
    current_name,
    open_bundle,
    point_current,
    previous,
    publish,
)
from store.bundle import published as names

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
SECOND = datetime(2025, 1, 2, tzinfo=UTC)


def manifest(created: datetime = FIRST, rules: UrlRules = RULES, **config: Any) -> Manifest:
    return Manifest(
        name=bundle_name(created, "inputs"),
        created=created,
        seed=3,
        config={"text": {"base": "minilm"}, **config},
        url_rules=rules,
        data={"start": None},
        features={"stage1": ["a", "b"]},
        dimensions={"cf": 16},
        rows={"pages": 2},
        warmup=["https://a.example/"],
        files={},
    )


def published(bundles: Path, created: datetime = FIRST, opens: Opens | None = None) -> Path:
    building = bundles / ".building"
    (building / "tables").mkdir(parents=True)
    (building / "tables/pages.lmdb").write_bytes(b"pages")
    (building / "blend.json").write_bytes(b"{}")
    return publish(building, bundles, manifest(created), opens)


def refused(bundles: Path) -> str:
    with pytest.raises(BundleError) as caught:
        open_bundle(bundles)
    return str(caught.value)


def test_a_published_bundle_is_the_current_one(tmp_path: Path) -> None:
    target = published(tmp_path)
    bundle = open_bundle(tmp_path)
    assert bundle.path == target
    assert bundle.file("tables/pages.lmdb").read_bytes() == b"pages"
    assert not (tmp_path / ".building").exists()


def test_the_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    published(tmp_path)
    read = open_bundle(tmp_path).manifest
    assert read == manifest().model_copy(update={"files": read.files})
    assert sorted(read.files) == ["blend.json", "tables/pages.lmdb"]


def test_a_bundle_records_its_url_rules(tmp_path: Path) -> None:
    rules = rules_of(["a.example"], ["click*"])
    building = tmp_path / ".building"
    building.mkdir()
    publish(building, tmp_path, manifest(rules=rules))
    assert open_bundle(tmp_path).url_rules == rules


def test_a_bundle_is_named_after_its_time_and_inputs() -> None:
    name = bundle_name(FIRST, "inputs")
    assert name.startswith("20250101T000000Z-")
    assert name[-8:] == bundle_name(SECOND, "inputs")[-8:] != bundle_name(FIRST, "other")[-8:]


def test_asking_for_a_file_outside_the_manifest_is_an_error(tmp_path: Path) -> None:
    bundle = published(tmp_path) and open_bundle(tmp_path)
    with pytest.raises(BundleError, match=r"has no stage3\.txt: build it again"):
        bundle.file("stage3.txt")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    (published(tmp_path) / "tables/pages.lmdb").write_bytes(b"page")
    assert "tables/pages.lmdb does not match its hash: it is corrupt" in refused(tmp_path)


def test_one_flipped_byte_is_refused(tmp_path: Path) -> None:
    (published(tmp_path) / "tables/pages.lmdb").write_bytes(b"pagfs")
    assert "tables/pages.lmdb does not match its hash" in refused(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (published(tmp_path) / "blend.json").unlink()
    assert "has no blend.json: copy it again or build it again" in refused(tmp_path)


def test_an_extra_file_is_refused(tmp_path: Path) -> None:
    (published(tmp_path) / "tables/more.lmdb").touch()
    assert "contains tables/more.lmdb, which its manifest does not list: remove it" in refused(tmp_path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    target = published(tmp_path) / "blend.json"
    (tmp_path / "elsewhere.json").write_bytes(target.read_bytes())
    target.unlink()
    target.symlink_to(tmp_path / "elsewhere.json")
    assert "is a symbolic link: a bundle may only contain regular files" in refused(tmp_path)


def test_a_bundle_under_another_name_is_refused(tmp_path: Path) -> None:
    other = bundle_name(SECOND, "inputs")
    published(tmp_path).rename(tmp_path / other)
    point_current(tmp_path, other)
    assert f"has the manifest of {manifest().name}: restore its directory's name" in refused(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = published(tmp_path) / "manifest.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    assert f"has format 99; this version reads {FORMAT}: build it again" in refused(tmp_path)


def test_a_corrupt_manifest_is_refused(tmp_path: Path) -> None:
    (published(tmp_path) / "manifest.json").write_text('{"name": ')
    assert "manifest.json is not a valid manifest" in refused(tmp_path)


def test_a_directory_without_a_manifest_was_never_published(tmp_path: Path) -> None:
    (published(tmp_path) / "manifest.json").unlink()
    assert "has no manifest.json: it was not published" in refused(tmp_path)


def test_a_name_that_no_bundle_has_points_to_the_list(tmp_path: Path) -> None:
    published(tmp_path)
    with pytest.raises(BundleError, match="holds no bundle 20200101T000000Z-00000000: `onward bundles` lists them"):
        open_bundle(tmp_path, "20200101T000000Z-00000000")


def test_an_empty_directory_says_how_to_publish(tmp_path: Path) -> None:
    assert refused(tmp_path).endswith("has no published bundle: run `onward build` first")


def test_current_must_name_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "current").write_text("../../etc")
    assert "does not name a bundle" in refused(tmp_path)


def test_pointing_current_to_an_older_bundle_rolls_back(tmp_path: Path) -> None:
    first, second = published(tmp_path), published(tmp_path, SECOND)
    assert current_name(tmp_path) == second.name
    point_current(tmp_path, first.name)
    assert open_bundle(tmp_path).name == first.name


def test_only_a_published_bundle_can_be_current(tmp_path: Path) -> None:
    published(tmp_path)
    with pytest.raises(BundleError, match="has no bundle 20200101T000000Z-00000000"):
        point_current(tmp_path, "20200101T000000Z-00000000")
    assert current_name(tmp_path) == manifest().name


def test_a_publication_that_fails_leaves_the_old_bundle_live(tmp_path: Path) -> None:
    published(tmp_path)
    building = tmp_path / ".building"
    building.mkdir()
    (building / "blend.json").write_bytes(b"new")
    with pytest.raises(OSError):  # the name is taken by a directory that is not empty
        publish(building, tmp_path, manifest())
    assert open_bundle(tmp_path).file("blend.json").read_bytes() == b"{}"


def test_a_bundle_is_opened_under_its_name_before_it_is_published(tmp_path: Path) -> None:
    old = published(tmp_path).name
    seen = []

    def opens(bundles: Path, name: str) -> None:
        seen.append((open_bundle(bundles, name).name, current_name(tmp_path), names(tmp_path)))

    new = published(tmp_path, SECOND, opens).name
    assert seen == [(new, old, [old])]
    assert current_name(tmp_path) == new
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_bundle_that_does_not_open_leaves_the_old_one_current_and_nothing_behind(tmp_path: Path) -> None:
    old = published(tmp_path).name

    def opens(bundles: Path, name: str) -> None:
        raise BundleError("cf: dimension 3")

    with pytest.raises(BundleError, match="cf: dimension 3"):
        published(tmp_path, SECOND, opens)
    assert sorted(path.name for path in tmp_path.iterdir()) == [old, "current"]
    assert current_name(tmp_path) == old


def test_the_bundle_before_the_current_one_is_the_previous_one(tmp_path: Path) -> None:
    published(tmp_path)
    published(tmp_path, SECOND)
    (tmp_path / "20250103T000000Z-0123abcd").mkdir()  # not published
    assert names(tmp_path) == [bundle_name(FIRST, "inputs"), bundle_name(SECOND, "inputs")]
    assert previous(tmp_path) == bundle_name(FIRST, "inputs")
    point_current(tmp_path, previous(tmp_path))
    with pytest.raises(BundleError, match="name one with --to"):
        previous(tmp_path)


@pytest.mark.parametrize("name", ["../bundles", "..", "20250101T000000Z-0123abcd/", "20250101T000000Z-0123abcd\n"])
def test_a_name_that_leads_out_of_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="is not a bundle name"):
        open_bundle(tmp_path, name)


def test_a_special_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(published(tmp_path) / "pipe")
    assert "not a regular file" in refused(tmp_path)


def test_an_unreadable_manifest_is_refused(tmp_path: Path) -> None:
    target = published(tmp_path)
    (target / "manifest.json").unlink()
    (target / "manifest.json").mkdir()
    assert "cannot be read" in refused(tmp_path)
