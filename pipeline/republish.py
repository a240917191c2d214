"""Publishes a bundle that differs from another in one table; all other files are shared with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.bundle import Bundle, BundleError, Opens, bundle_name_after, current_name, publish


def republish(
    bundles: Path,
    bundle: Bundle,
    table: str,
    write: Callable[[Path], int],
    opens: Opens | None = None,
    metrics: Mapping[str, object] | None = None,
) -> str:
    """Publish a bundle with another `table`; return its name.

    `write` writes the table's file and returns its rows. The file is copied to the work directory, for the next build,
    if there is one. `opens` must open the bundle before it becomes current. `metrics` are added to the manifest's.
    Raises BundleError where another bundle has become current since this one was opened: it would be undone.
    """
    building, file = bundles / ".refreshing", f"tables/{table}.lmdb"
    shutil.rmtree(building, ignore_errors=True)
    for name in {*bundle.manifest.files, file}:
        (building / name).parent.mkdir(parents=True, exist_ok=True)
        if name != file:
            os.link(bundle.file(name), building / name)
    rows = write(building / file)
    if (current := current_name(bundles)) != bundle.name:
        shutil.rmtree(building)
        raise BundleError(f"{current} became current meanwhile, and is not {bundle.name}: run the command again")
    manifest = bundle.manifest.model_copy(deep=True)
    manifest.created = max(datetime.now(UTC).replace(microsecond=0), manifest.created + timedelta(seconds=1))
    manifest.name = bundle_name_after(bundle.name, manifest.created)
    manifest.rows[table] = rows
    manifest.metrics.update(metrics or {})
    published, work = publish(building, bundles, manifest, opens), bundles / "work" / table
    if work.is_dir():
        _copy(published / file, work / f"{table}.lmdb")
    return manifest.name


def _copy(source: Path, target: Path) -> None:
    beside = target.with_suffix(".refreshing")
    shutil.copyfile(source, beside)
    beside.replace(target)
