"""The build: runs the steps and publishes their outputs as a bundle."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from configs.reading import SettingsError
from corpus.files.input_files import find
from pipeline.config import BuildConfig
from pipeline.graph import steps
from pipeline.labels import judge as quality
from pipeline.layout import lay_out, lay_out_answers, lay_out_session
from pipeline.manifest import manifest
from pipeline.runner.runner import Runner
from pipeline.runner.step import Step
from pipeline.runner.threads import use_threads
from pipeline.runner.work import InputTables
from ranking.stored_answers import TABLE as ANSWERS
from store.bundle import (
    Bundle,
    BundleError,
    Opens,
    bundle_name,
    current_name,
    open_bundle,
    point_current,
    publish,
    trial_directory,
)  # fmt: skip
from store.disk_space import report_full_disk
from store.file_hashes import hash_files
from store.one_run import alone_in

WORK, BUILDING = "work", ".building"
#: The modules that make a bundle from the finished steps, besides those that the steps run.
PUBLISHING = (
    __name__, "pipeline.layout", "pipeline.manifest", "pipeline.rankers.event_source", "pipeline.republish",
    "store.bundle",
)  # fmt: skip


def build(
    data: Path,
    bundles: Path,
    config: BuildConfig,
    until: datetime | None = None,
    only: Sequence[str] = (),
    opens: Opens | None = None,
) -> Bundle | None:
    """Run the unfinished steps and publish; with `only`, run those steps and their dependencies, and stop.

    `opens` (the gateway's loader) must open a new bundle before it becomes current.

    A build from rows before `until` is a `measured` one. Under torchrun every process calls this: the first one
    builds, the others join when models train.
    If the current bundle was made from the same inputs, nothing is built or published.
    Raises SettingsError for an unknown step, or if a language model should judge and none is set; InputError for
    tables that cannot be read; BundleError for a bundle that does not open, or while another run writes into `bundles`;
    DiskFullError when the disk is full. The live bundle is then unchanged.
    """
    if until is not None:
        config = config.model_copy(update={"measured": True})
    chosen, config = steps(config), use_threads(quality.with_model(config))
    _check_names(only, [step.name for step in chosen])
    bundles.mkdir(parents=True, exist_ok=True)
    inputs = " ".join(f"{table} {hash_files(parts)}" for table, parts in find(data).items()) + f" {until}"
    with report_full_disk(bundles), ExitStack() as stack:
        root = bundles / WORK
        runner = Runner(root, config, inputs, publishing=PUBLISHING, tables=InputTables(data, until))
        if runner.world.main:
            stack.enter_context(alone_in(bundles, "onward build"))
        root.mkdir(exist_ok=True)
        if only:
            runner.run(_needed(chosen, set(only)))
            return None
        if runner.world.main:
            for left in (bundles / BUILDING, trial_directory(bundles / BUILDING)):  # by a killed run: to free space
                shutil.rmtree(left, ignore_errors=True)
        runner.run(chosen)
        if not runner.world.main:
            return None
        return _published(bundles, runner, opens) or _publish(bundles, runner, opens)


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


def _published(bundles: Path, runner: Runner, opens: Opens | None) -> Bundle | None:
    """Return the bundle made from exactly these inputs: the current one, or one that a killed run did not publish.

    A bundle that does not open is ignored.
    """
    same = bundle_name(datetime.now(UTC), runner.identity())[-8:]  # the hash of the inputs, without the time
    try:
        name = current_name(bundles)
        if name.endswith(same):
            return _opened(bundles, name, opens)
    except BundleError:
        pass
    for path in sorted(bundles.glob(f"[0-9]*Z-{same}"), reverse=True):
        with suppress(BundleError):
            opened = _opened(bundles, path.name, opens)
            point_current(bundles, path.name)
            return opened
    return None


def _opened(bundles: Path, name: str, opens: Opens | None) -> Bundle:
    opened = open_bundle(bundles, name)
    if opens is not None:
        opens(bundles, name)
    return opened


def _publish(bundles: Path, runner: Runner, opens: Opens | None) -> Bundle:
    building = bundles / BUILDING
    shutil.rmtree(building, ignore_errors=True)
    lay_out(lambda step: runner.root / step, building, shutil.copyfile)
    lay_out_session(runner.root / "session", building)
    if ANSWERS in runner.figures:
        lay_out_answers(runner.root / ANSWERS, building)
    created = datetime.now(UTC).replace(microsecond=0)
    name = bundle_name(created, runner.identity())
    publish(building, bundles, manifest(runner, building, name, created), opens)
    return open_bundle(bundles, name)
