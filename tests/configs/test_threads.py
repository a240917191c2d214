import math
from pathlib import Path

import pytest

from configs.threads import PASSIVE, cores, free_cores, load, quota, running, spin_briefly, threads, wait_passively


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(("limit", "found"), [("max 100000\n", math.inf), ("150000 100000\n", 1.5), ("", math.inf)])
def test_a_quota_is_read_from_cgroup_2(tmp_path: Path, limit: str, found: float) -> None:
    written(tmp_path / "cpu.max", limit)
    assert quota(tmp_path) == found


@pytest.mark.parametrize(("limit", "found"), [("-1\n", math.inf), ("400000\n", 4)])
def test_a_quota_is_read_from_cgroup_1(tmp_path: Path, limit: str, found: float) -> None:
    written(tmp_path / "cpu/cpu.cfs_quota_us", limit)
    written(tmp_path / "cpu/cpu.cfs_period_us", "100000\n")
    assert quota(tmp_path) == found


def test_no_cgroup_is_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path) == math.inf


def test_the_load_and_what_runs_now_are_read(tmp_path: Path) -> None:
    loadavg = written(tmp_path / "loadavg", "1.38 1.77 3.69 3/114 22859\n")
    assert (load(loadavg), running(loadavg)) == (1.38, 2)
    assert (load(tmp_path / "none"), running(tmp_path / "none")) == (0, 0)


@pytest.mark.parametrize(
    ("allowed", "present", "most", "busy", "free"),
    [
        (2, 2, math.inf, 0.0, 2),
        (2, 2, math.inf, 0.9, 1),  # beside one busy process
        (2, 2, math.inf, 7.0, 1),
        (64, 64, 4.0, 30.0, 4),  # a container on a large machine
        (2, 64, math.inf, 30.0, 2),  # pinned to two cores
        (8, 8, 0.5, 0.0, 1),
    ],
)
def test_free_cores(allowed: int, present: int, most: float, busy: float, free: int) -> None:
    assert cores(allowed, present, most, busy) == free


def test_at_least_one_core_of_this_machine_is_free() -> None:
    assert free_cores() >= 1


def test_a_setting_wins_over_the_environment_and_that_over_free_cores() -> None:
    assert threads(3, {"OMP_NUM_THREADS": "5"}) == 3
    assert threads(0, {"OMP_NUM_THREADS": "5,2"}) == 5
    assert threads(0, {"OMP_NUM_THREADS": "many"}) >= 1


def test_idle_threads_sleep_unless_the_user_wants_otherwise() -> None:
    environ = {"OMP_WAIT_POLICY": "ACTIVE"}
    wait_passively(environ)
    assert environ == {**PASSIVE, "OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.parametrize("given", [None, "0"])
def test_a_build_lets_them_turn_a_moment_unless_the_user_wants_otherwise(given: str | None) -> None:
    environ = {} if given is None else {"GOMP_SPINCOUNT": given}
    spin_briefly(environ)
    assert environ == {"GOMP_SPINCOUNT": given or "4000"}


def test_a_build_leaves_threads_that_shall_turn_on() -> None:
    environ = {"OMP_WAIT_POLICY": "active"}
    spin_briefly(environ)
    assert environ == {"OMP_WAIT_POLICY": "active"}
