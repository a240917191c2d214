from __future__ import annotations

import os

import pytest

from service.admission.cpu_count import cpu_count


@pytest.mark.parametrize(
    ("quota", "found"), [("100000 100000\n", 1), ("20000 100000\n", 1), ("max 100000\n", None), ("", None)]
)
def test_the_quota_of_a_container_limits_the_cpu_count(tmp_path, quota: str, found: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert cpu_count(tmp_path / "cpu.max") == (found or len(os.sched_getaffinity(0)))


def test_without_a_quota_all_allowed_cpus_count(tmp_path) -> None:
    assert cpu_count(tmp_path / "none") == len(os.sched_getaffinity(0))
