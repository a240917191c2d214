"""A second bundle beside the current one, for swaps and for arms."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import orjson

from store.bundle import open_bundle, point_current, publish

OTHER = "20990101T000000Z-00000001"


def add(bundles: Path, shift: float = 0.0, name: str = OTHER) -> None:
    """Publish a copy of the current bundle, with scores shifted; the current one stays."""
    current = open_bundle(bundles)
    shutil.copytree(
        current.path,
        bundles / "building",
        ignore=shutil.ignore_patterns("manifest.json", "blend.json"),
        copy_function=os.link,
    )
    blend = orjson.loads(current.file("blend.json").read_bytes())
    blend["stage2"]["mean"] -= shift * blend["stage2"]["deviation"]
    (bundles / "building/blend.json").write_bytes(orjson.dumps(blend))
    publish(bundles / "building", bundles, current.manifest.model_copy(update={"name": name}))
    point_current(bundles, current.name)
