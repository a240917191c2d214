"""A part of the cascade breaks under load: every answer comes in time and says what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_process import GatewayProcess, gateway
from load import Replies, Reply, open_loop

FAULTY = str(Path(__file__).with_name("faulty_gateway.py"))
PATHS = ("coclick", "cf", "two_tower", "qprime", "knowledge")
RATE = 4.0  # requests a second: a whole answer costs this machine tens of milliseconds


@pytest.fixture(scope="module")
def budget_ms(long: bool) -> float:
    return 100.0 if long else 1000.0  # the short form runs beside anything


@pytest.fixture
def faulty(tiny, tmp_path: Path, budget_ms: float) -> Iterator[GatewayProcess]:
    bundles = tmp_path / "bundles"
    tiny.link(bundles)
    settings = [f"budget_ms={budget_ms}", "cache.max_mb=0", "cache.pairs=0"]
    with gateway(bundles, module=(FAULTY,), settings=settings) as running:
        yield running


def tell(running: GatewayProcess, order: str) -> None:
    running.tell(order)
    assert running.process.stdout is not None
    while running.process.stdout.readline() != "ok\n":
        pass


def in_time(replies: Replies, budget_ms: float) -> str:
    late = replies.late(1.1 * budget_ms / 1e3)
    good = replies.share(lambda reply: reply.status == 200)
    return f"{len(replies):,} answers, {good:.2%} 200, {late} late, slowest {replies.slowest() * 1e3:.0f} ms"


def missing(reply: Reply) -> list[str]:
    return list(reply.body["degraded"])


@pytest.mark.parametrize("path", PATHS)
async def test_a_recall_path_breaks(faulty, tiny, report, long, budget_ms, path: str) -> None:
    for fault in ("raise", "slow", "hang"):  # the last, since a thread that hangs stays hung
        tell(faulty, f"{path} {fault}")
        replies = await open_loop(faulty.http, tiny.urls, RATE, 30.0 if long else 1.0)
        judge(replies, path, fault, report, budget_ms)
        assert not long or replies.late(1.1 * budget_ms / 1e3) == 0


def judge(replies: Replies, path: str, fault: str, report, budget_ms: float) -> None:
    right = {
        "raise": lambda reply: f"recall:{path}:error" in missing(reply),
        "hang": lambda reply: bool({f"recall:{path}:timeout", f"recall:{path}:busy"} & {*missing(reply)}),
        "slow": lambda reply: f"recall:{path}:error" not in missing(reply),
    }[fault]
    report(
        f"recall path `{path}`: {fault}", "100 % 200, none later than 1.1 × budget, `degraded` right",
        f"{in_time(replies, budget_ms)}, `degraded` right in {replies.share(right):.2%}",
    )  # fmt: skip
    assert replies.share(lambda reply: reply.status == 200 and len(reply.body["recommendations"]) == 5) == 1.0
    assert replies.share(right) == 1.0
    assert replies.share(lambda reply: not any(part.startswith("fallback") for part in missing(reply))) == 1.0


async def test_the_cross_encoder_sleeps(faulty, tiny, report, long, budget_ms) -> None:
    tell(faulty, f"cross_encoder sleep 0.3 {3 * budget_ms / 1e3}")
    replies = await open_loop(faulty.http, tiny.urls, RATE, 60.0 if long else 3.0)
    tell(faulty, "cross_encoder sleep 0 0")
    whole = replies.share(lambda reply: not missing(reply))
    report(
        "cross-encoder sleeps 0 to 3 budgets in 30 % of calls", "none later than 1.1 × budget",
        f"{in_time(replies, budget_ms)}; {whole:.0%} complete",
    )  # fmt: skip
    assert replies.share(lambda reply: reply.status == 200 and len(reply.body["recommendations"]) == 5) == 1.0
    assert not long or replies.late(1.1 * budget_ms / 1e3) == 0
