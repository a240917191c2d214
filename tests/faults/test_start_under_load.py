"""A gateway starts on a machine that is busy with other things: first answers are whole if their budget allows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from gateway_process import gateway

BUDGET_MS = 5_000  # the largest that a request may ask for
FIRST = 12


@pytest.fixture
def hogs() -> Iterator[None]:
    """Two busy processes per core, at the gateway's priority."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in busy:
        process.kill()
        process.wait()


def test_the_first_answers_are_whole_where_their_budget_allows(hogs, tiny, tmp_path, report) -> None:
    tiny.link(tmp_path / "bundles")
    settings = ["unknown.most=0", "cache.stored=false"]
    with gateway(tmp_path / "bundles", settings=settings) as running:
        asked = [{"url1": url, "budget_ms": BUDGET_MS} for url in tiny.urls[:FIRST]]
        answers = [httpx.post(f"{running.http}/recommend", json=query, timeout=30) for query in asked]
        assert running.leave() == 0
    assert {answer.status_code for answer in answers} == {200}, answers[0].text
    lacks = [answer.json()["degraded"] for answer in answers]
    took = max(answer.elapsed.total_seconds() for answer in answers)
    report(
        "a start on a busy machine",
        "the first answers are whole where their budget allows",
        f"{sum(not each for each in lacks)} of {FIRST} first answers whole, the slowest after {took:.1f} s",
    )
    assert lacks == [[]] * FIRST
