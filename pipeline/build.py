"""The build: runs the steps, and what publishing makes of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from configs.reading import SettingsError
from corpus.sources import find
from pipeline import quality
from pipeline.config import BuildConfig
from pipeline.log import ALL
from pipeline.step import Runner, Step, hash_files
from pipeline.steps import steps
from pipeline.student_files import EXPORTED, WEIGHTS
from ranking.features import STAGE1, STAGE2
from recall.paths import TABLES
from recall.popular.lookup import OVERALL
from store.bundle import Bundle, BundleError, Manifest, bundle_name, current_name, open_bundle, point_current, publish
from store.page_row import PageText, read_text
from store.room import room_on
from store.tables import LmdbTable

WORK, BUILDING = "work", ".building"
_WARMUP = 8


def build(
    data: Path, bundles: Path, config: BuildConfig, until: datetime | None = None, only: Sequence[str] = ()
) -> Bundle | None:
    """Run the steps that are not finished and publish; with `only`, run those steps (and what they need) and stop.

    Under torchrun every process calls this: the first one builds, the others come along where models train.
    Nothing is built again, and nothing published, when the current bundle was made from the same inputs.
    Raises SettingsError for an unknown step, or a language model that is to judge and is not set; InputError for
    tables that cannot be read; DiskFullError when there is no room, with the live bundle as it was.
    """
    chosen, config = steps(data, until, config), quality.with_model(config)
    _check_names(only, [step.name for step in chosen])
    bundles.mkdir(parents=True, exist_ok=True)
    inputs = f"{hash_files(sorted(find(data).values()))} {until}"
    with room_on(bundles):
        root = bundles / WORK
        root.mkdir(exist_ok=True)
        runner = Runner(root, config, inputs, publishing=(__name__, "store.bundle"))
        if only:
            runner.run(_needed(chosen, set(only)))
            return None
        if runner.world.main:
            shutil.rmtree(bundles / BUILDING, ignore_errors=True)  # of a killed run: the room may be needed
        runner.run(chosen)
        if not runner.world.main:
            return None
        return _published(bundles, runner) or _publish(bundles, runner)


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}? " if close else ""
            raise SettingsError(f"unknown step {name}: {hint}the steps are {', '.join(known)}")


def _needed(all_steps: Sequence[Step], wanted: set[str]) -> list[Step]:
    for step in reversed(all_steps):
        if step.name in wanted:
            wanted |= set(step.after)
    return [step for step in all_steps if step.name in wanted]


def _published(bundles: Path, runner: Runner) -> Bundle | None:
    """Return the bundle that was made from exactly these inputs: the current one, or one that a kill kept from it."""
    same = bundle_name(datetime.now(UTC), runner.identity())[-8:]  # the time differs, the inputs do not
    try:
        name = current_name(bundles)
        if name.endswith(same):
            return open_bundle(bundles, name)
    except BundleError:
        pass
    for path in sorted(bundles.glob(f"[0-9]*Z-{same}"), reverse=True):
        with suppress(BundleError):
            opened = open_bundle(bundles, path.name)
            point_current(bundles, path.name)
            return opened
    return None


def _publish(bundles: Path, runner: Runner) -> Bundle:
    building = bundles / BUILDING
    shutil.rmtree(building, ignore_errors=True)
    _lay_out(runner.root, building)
    created = datetime.now(UTC).replace(microsecond=0)
    manifest = _manifest(runner, building, bundle_name(created, runner.identity()), created)
    publish(building, bundles, manifest)
    return open_bundle(bundles, manifest.name)


#: Path in the bundle -> path under the work directory.
_FILES = {
    "tables/pages.lmdb": f"pages/{ALL}/pages.lmdb",
    "tables/popular.lmdb": f"pages/{ALL}/popular.lmdb",
    "tables/coclick.lmdb": f"coclick/{ALL}/coclick.lmdb",
    "tables/qprime.lmdb": "qprime/qprime.lmdb",
    "cf/pages.faiss": f"cf/{ALL}/pages.faiss",
    "cf/pages.pages.npy": f"cf/{ALL}/pages.pages.npy",
    "two_tower/pages.faiss": "two_tower/pages.faiss",
    "two_tower/pages.pages.npy": "two_tower/pages.pages.npy",
    "two_tower/queries.npy": "two_tower/queries.npy",
    "two_tower/query.onnx": "two_tower/query.onnx",
    "tokenizer.json": "text/tokenizer.json",
    "stage1/model.txt": "stage1/model.txt",
    f"cross_encoder/{WEIGHTS}": f"student/{WEIGHTS}",
    "stage2/model.txt": "stage2/model.txt",
    "blend.json": "blend/blend.json",
}


def _lay_out(root: Path, building: Path) -> None:
    for name, source in _FILES.items():
        target = building / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source, target)
    # One model or two, and what two of them have read.
    for part in (*(root / "student" / EXPORTED).iterdir(), *(root / "page_states").glob("*.npy")):
        shutil.copyfile(part, building / "cross_encoder" / part.name)


def _manifest(runner: Runner, building: Path, name: str, created: datetime) -> Manifest:
    figures = runner.figures
    read = figures["read"]
    split = {key: read[key] for key in ("start", "labels_from", "end")}
    tables = {table: LmdbTable(building / "tables" / f"{table}.lmdb") for table in TABLES}
    rows = {table: len(opened) for table, opened in tables.items()}
    rows |= {"cf": figures["cf"]["all_pages"], "two_tower": figures["two_tower"]["pages"]}
    return Manifest(
        name=name,
        created=created,
        git_commit=_git_commit(),
        seed=runner.config.seed,
        config=runner.config.model_dump(mode="json"),
        data={"tables": read["tables"], **split},
        features={"stage1": list(STAGE1), "stage2": list(STAGE2)},
        dimensions={"cf": runner.config.cf.dimension, "two_tower": runner.config.two_tower.dimension},
        rows=rows,
        metrics={step: values for step, values in figures.items() if step != "read"},
        notes=_notes(split),
        warmup=[text.url for text in _popular_pages(tables["popular"], tables["pages"])],
        files={},
    )


def _notes(split: dict[str, object]) -> list[str]:
    if split["end"] is None:
        return ["cold start: no clicks, so only the text paths recall, and the rankers learnt the judge's labels"]
    return []


def _popular_pages(popular: LmdbTable, pages: LmdbTable) -> list[PageText]:
    (row,) = popular.read(np.array([OVERALL], np.uint64))
    best = np.frombuffer(row or b"", "<u8")[:_WARMUP]
    return [read_text(row) for row in pages.read(best) if row]


def _git_commit() -> str:
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return ""
