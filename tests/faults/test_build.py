"""The build under fire: killed at any moment, and out of room; what is live stays whole, and the next run finishes."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build_process import (
    BuildCommand,
    Built,
    check_nothing_is_half_published,
    kilobytes,
    lasting,
    small_disk,
)

from store.bundle import current_name, open_bundle
from store.disk_space import DiskFullError, report_full_disk
from store.one_run import LOCK

_KILLS = 50


@pytest.fixture(scope="module")
def blend_alone(tiny) -> BuildCommand:
    """A build that finds all finished but the last step: seconds."""
    return BuildCommand(tiny.data, {**tiny.bundle.manifest.config, "quality_weight": 0.4})


@pytest.fixture(scope="module")
def from_nothing(tiny) -> BuildCommand:
    """A whole build, on one thread."""
    config = tiny.bundle.manifest.config
    return BuildCommand(tiny.data, {**config, "engine": {**config["engine"], "threads": 1}})


@pytest.fixture(scope="module")
def command(long: bool, blend_alone: BuildCommand, from_nothing: BuildCommand) -> BuildCommand:
    return from_nothing if long else blend_alone


@pytest.fixture(scope="module")
def undisturbed(tiny, command: BuildCommand, long: bool, tmp_path_factory: pytest.TempPathFactory):
    """A build that nothing disturbed, how long it took, and the room that it took beside what was there."""
    bundles = tiny.link(tmp_path_factory.mktemp("undisturbed") / "bundles", work=not long)
    before = kilobytes(bundles)
    built = command.run(bundles)
    assert built.code == 0, built.said
    return open_bundle(bundles), built.seconds, kilobytes(bundles) - before


def test_a_build_that_is_killed_again_and_again_ends_as_one_that_was_not(
    tiny, command, undisturbed, long, report, tmp_path
) -> None:
    expected, seconds, _ = undisturbed
    moments = random.Random(7)
    wanted, kills, ended = (_KILLS if long else 3), 0, 0
    usual_s = lives_s = seconds / 3 if long else seconds  # at most; longer after a kill that no step outlived

    def ends_well(bundles: Path, built: Built) -> None:
        assert built.code == 0, built.said
        assert lasting(check_nothing_is_half_published(bundles)) == lasting(expected)
        left = {path.name for path in bundles.iterdir()} - {"work", "current", LOCK}
        assert left == {tiny.bundle.name, current_name(bundles)}

    bundles = tiny.link(tmp_path / "bundles-0", work=not long)
    while kills < wanted:
        before = _finished(bundles)
        built = command.run(bundles, kill_after_s=moments.uniform(0, lives_s))
        if built.code == -9:
            kills += 1
            print(f"kill {kills} after {built.seconds:.1f} s: {len(_finished(bundles))} steps finished")
            live = check_nothing_is_half_published(bundles)
            assert live.name == tiny.bundle.name or lasting(live) == lasting(expected)
            lives_s = usual_s if _finished(bundles) - before else lives_s * 1.2
        else:
            ends_well(bundles, built)
            ended += 1
            shutil.rmtree(bundles)
            bundles = tiny.link(tmp_path / f"bundles-{ended}", work=not long)
    ends_well(bundles, command.run(bundles))
    report(
        "`kill -9` of the build at random moments",
        "the live bundle opens after each; all resumed builds end with the undisturbed build's manifest and hashes",
        f"{kills} kills in {ended + 1} builds: all",
    )


def _finished(bundles: Path) -> set[str]:
    return {path.parent.name for path in bundles.glob("work/[a-z]*/done.json")}


_DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from store.bundle import Manifest, publish

bundles, name, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def count(event, arguments):
    global left
    if event.startswith(("open", "os.", "shutil.")):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

empty = {"config": {}, "data": {}, "features": {}, "dimensions": {}, "rows": {}, "warmup": []}
manifest = Manifest(name=name, created=datetime.now(UTC), seed=0, files={}, **empty)
sys.addaudithook(count)
publish(bundles / ".building", bundles, manifest)
"""


def test_a_kill_at_every_touch_of_the_disk_while_publishing_leaves_the_old_bundle_or_the_new_one(
    tmp_path, long, report
) -> None:
    old, new = "20250101T000000Z-00000000", "20250102T000000Z-11111111"

    def published(name: str, dies_at: int) -> int:
        (tmp_path / ".building/tables").mkdir(parents=True)
        for file in ("tables/pages.lmdb", "tables/popular.lmdb", "blend.json"):
            (tmp_path / ".building" / file).write_text(f"{file} of {name}")
        return subprocess.run([sys.executable, "-c", _DIES, str(tmp_path), name, str(dies_at)], check=False).returncode

    assert published(old, dies_at=0) == 0
    touches, live = 0, set()
    code = -9
    while code == -9:
        touches += 1 if long else 3
        code = published(new, dies_at=touches)
        live.add(check_nothing_is_half_published(tmp_path).name)
        shutil.rmtree(tmp_path / ".building", ignore_errors=True)
        shutil.rmtree(tmp_path / new, ignore_errors=current_name(tmp_path) == old)
        (tmp_path / "current").write_text(f"{old}\n")
    assert code == 0
    assert live == {old, new}
    report(
        "`kill -9` at every touch of the disk while publishing", "`current` names a complete bundle", f"{touches}: all"
    )


def test_a_full_disk_is_one_clear_line_and_the_next_run_with_room_finishes(
    tiny, command, undisturbed, long, report, tmp_path
) -> None:
    expected, _, needed = undisturbed
    source = tiny.link(tmp_path / "source", work=not long)
    there, shares = kilobytes(source), ([0.01, *(n / 10 for n in range(1, 10))] if long else [0.0, 0.5])
    try:
        with small_disk(tmp_path / "disk", there + 8192) as disk:
            bundles = shutil.copytree(source, disk.path / "bundles")
            used = shutil.disk_usage(disk.path).used // 1024
            for share in shares:
                disk.resize(used + int(share * needed) + 4)
                built = command.run(bundles)
                assert built.code == 1, built.said
                assert "Traceback" not in built.said
                line = built.said.strip().splitlines()[-1]
                assert line.startswith(f"onward: no space left on the disk of {bundles}"), built.said
                assert "run the same command again" in line
                assert check_nothing_is_half_published(bundles).name == tiny.bundle.name
            disk.resize(used + 2 * needed + 65536)
            built = command.run(bundles)
            assert built.code == 0, built.said
            assert lasting(check_nothing_is_half_published(bundles)) == lasting(expected)
    except PermissionError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    report(
        "disk full during the build",
        "one line that names the disk and the fix; the live bundle opens; with room, the undisturbed build's manifest",
        f"{len(shares)} sizes: all",
    )


def test_a_limit_on_the_size_of_files_is_one_clear_line_too(tiny, blend_alone, tmp_path) -> None:
    bundles = tiny.link(tmp_path / "bundles", work=True)
    built = blend_alone.run(bundles, largest_file=1 << 20)
    assert built.code == 1
    assert "Traceback" not in built.said
    assert "File too large" in built.said.strip().splitlines()[-1]
    assert check_nothing_is_half_published(bundles).name == tiny.bundle.name


@pytest.mark.parametrize("error", [RuntimeError("No space left on device (os error 28)"), OSError(28, "full")])
def test_what_libraries_say_of_a_full_disk_becomes_one_error(tmp_path, error) -> None:
    with pytest.raises(DiskFullError, match=f"the disk of {tmp_path}"), report_full_disk(tmp_path):
        raise error
