from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.bundles.check_messages import Refused
from service.bundles.load import load_checked
from service.live_bundle import LoadedBundle
from store.bundle import MANIFEST, Bundle, file_hash


@pytest.fixture
def bundles(tiny, tmp_path: Path) -> Path:
    shutil.copytree(tiny.bundle.path, tmp_path / tiny.bundle.name)
    return tmp_path


def loaded(bundle: Bundle, closed: list[str]) -> LoadedBundle:
    return LoadedBundle(bundle.name, None, None, None, lambda: closed.append(bundle.name))


def test_a_bundle_with_the_manifest_that_was_checked_is_loaded(bundles, tiny) -> None:
    manifest = file_hash(bundles / tiny.bundle.name / MANIFEST)
    assert load_checked(bundles, tiny.bundle.name, manifest, lambda b: loaded(b, [])).name == tiny.bundle.name


def test_a_manifest_that_changed_after_the_check_is_refused_before_anything_is_loaded(bundles, tiny) -> None:
    with pytest.raises(Refused, match=r"manifest\.json is not the one") as caught:
        load_checked(bundles, tiny.bundle.name, "0" * 64, pytest.fail)
    assert caught.value.reason == "changed"


def test_a_file_damaged_after_the_check_is_refused_before_anything_is_loaded(bundles, tiny) -> None:
    manifest = file_hash(bundles / tiny.bundle.name / MANIFEST)
    (bundles / tiny.bundle.name / "stage1/model.txt").write_text("tree")
    with pytest.raises(Refused, match="does not match its hash") as caught:
        load_checked(bundles, tiny.bundle.name, manifest, pytest.fail)
    assert caught.value.reason == "changed"


def test_a_bundle_whose_file_changes_while_it_is_loaded_is_refused_and_closed(bundles, tiny) -> None:
    closed: list[str] = []
    path = bundles / tiny.bundle.name

    def touching(bundle: Bundle) -> LoadedBundle:
        (path / "blend.json").write_text("{}")
        return loaded(bundle, closed)

    with pytest.raises(Refused, match="changed while it was loaded"):
        load_checked(bundles, tiny.bundle.name, file_hash(path / MANIFEST), touching)
    assert closed == [tiny.bundle.name]
