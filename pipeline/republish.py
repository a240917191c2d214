"""Publishes a bundle that differs from another in one table; all other files are shared with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from store.bundle import Bundle, BundleError, Opens, bundle_name_after, current_name, publish, write_atomically

_FIGURES = "republished.json"  # in the work directory of a table's step, whose next run removes both


def republish(
    bundles: Path,
    bundle: Bundle,
    table: str,
    write: Callable[[Path], int],
    opens: Opens | None = None,
    metrics: Mapping[str, object] | None = None,
) -> str:
    """Publish a bundle with another `table`; return its name.

    `write` writes the table's file and returns its rows. `metrics` are added to the manifest's. The file and `metrics`
    are kept in the work directory, for the next build, if there is one. `opens` must open the bundle before it becomes
    current.
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
        if metrics:
            write_atomically(work / _FIGURES, orjson.dumps(metrics))
    return manifest.name


def republished(step: Path) -> dict[str, Any]:
    """Return the metrics that came with the table in a step's work directory, after the step had run."""
    path = step / _FIGURES
    found: dict[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {}
    return found


def _copy(source: Path, target: Path) -> None:
    beside = target.with_suffix(".refreshing")
    shutil.copyfile(source, beside)
    beside.replace(target)
