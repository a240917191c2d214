"""A few seconds of a real load test with a gateway and Locust, within and over the budget."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from loadtests.summary import Budget, exceeded, summary

ROOT = Path(__file__).parents[2]
ROW = {"requests": 200, "requests_per_s": 20.0, "errors": 1, "p50_ms": 3, "p95_ms": 20, "p99_ms": 90}
PATIENT = [f"{name}=60000" for name in ("budget_ms", "max_budget_ms", "stage1.timeout_ms", "stage2.timeout_ms")]


def loadtest(tiny, out: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict]:
    command = [sys.executable, "-m", "loadtests", "--bundles", str(tiny.bundles), "--out", str(out), "--users", "4"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    (directory,) = out.iterdir()
    assert (directory / "report.html").stat().st_size > 1000, done.stderr
    return done, json.loads((directory / "summary.json").read_text())


def test_a_gateway_within_its_budget_passes(tiny, tmp_path) -> None:
    sets = [part for setting in [*PATIENT, "unknown.most=0"] for part in ("--set", setting)]
    done, figures = loadtest(tiny, tmp_path / "out", "--seconds", "4", "--rate", "5", *sets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"HTTP", "gRPC", "all"} == figures["by_protocol"].keys()
    everything = figures["by_protocol"]["all"]
    assert everything["requests"] == sum(figures["by_protocol"][name]["requests"] for name in ("HTTP", "gRPC")) > 10
    assert 0 < everything["p50_ms"] <= everything["p95_ms"] <= everything["p99_ms"]
    assert (everything["errors"], figures["errors"], figures["broken"]) == (0, {}, [])
    assert 0 < figures["cache_hit_share"] < 1
    assert 0 <= figures["degraded_share"] <= 1


def test_a_gateway_that_is_not_running_exceeds_the_budget(tiny, tmp_path) -> None:
    nowhere = ("--http", "http://127.0.0.1:1", "--grpc", "127.0.0.1:1")
    done, figures = loadtest(tiny, tmp_path / "out", "--seconds", "2", *nowhere)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "of the requests failed" in " ".join(figures["broken"])
    assert figures["error_share"] == 1
    assert "gRPC status UNAVAILABLE" in figures["errors"]


def test_missing_bundles_are_a_one_line_error_with_exit_code_2(tmp_path) -> None:
    command = [sys.executable, "-m", "loadtests", "--bundles", str(tmp_path), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has no published bundle" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_budget_is_exceeded_by_latency_errors_or_no_requests() -> None:
    assert exceeded(ROW, Budget(90, 0.005)) == []
    assert exceeded(ROW, Budget(89, 0.005)) == ["p99 is 90 ms; the budget is 89 ms"]
    assert exceeded(ROW, Budget(90, 0.004)) == ["0.50% of the requests failed; the budget is 0.40%"]
    assert exceeded({**ROW, "requests": 0}, Budget(90, 1)) == ["no request was sent"]


def test_shares_use_the_increase_of_counters_during_the_test() -> None:
    before = Counter({"onward_cache_total{hit}": 10.0, "onward_cache_total{miss}": 10.0})
    after = Counter(
        {
            "onward_cache_total{hit}": 40.0,
            "onward_cache_total{miss}": 20.0,
            "onward_degraded_total{stage2:timeout}": 7.0,
        }
    )
    found = {"by_protocol": {"all": ROW}, "errors": {}, "degraded": 10}
    figures = summary(found, before, after, Budget(90, 0.01), {})
    assert figures["cache_hit_share"] == 0.75
    assert figures["degraded_by_reason"] == {"stage2:timeout": 7}
    assert figures["degraded_share"] == round(10 / 199, 5)
    assert figures["error_share"] == 0.005
