"""Drives a gateway through swaps, and checks that every answer comes from one bundle only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import aiohttp
import psutil
from bundle_twin import TWIN, is_marked
from gateway_process import GatewayProcess
from load import Reply, send

_PATIENCE_S = 120.0
_NEAR = 0.3  # int8 scores depend a little on what else is in a batch; the twin's are lower by more than twice that


class Golden:
    """Each bundle's answer for each URL, requested without other load."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], dict[str, float]] = {}  # scores by page

    async def learn(self, http: str, urls: Sequence[str]) -> None:
        """Request every URL from the live bundle."""
        async with aiohttp.ClientSession() as session:
            for url in urls:
                reply = await send(session, f"{http}/recommend", {"url1": url})
                assert reply.status == 200 and not reply.body["degraded"], reply
                shown = reply.body["recommendations"]
                self._answers[reply.body["bundle"], url] = {page["url"]: page["score"] for page in shown}

    def whole(self, reply: Reply) -> bool:
        """Whether the reply is a complete answer of one bundle only."""
        if reply.status != 200 or reply.body["degraded"]:
            return False
        bundle, shown = reply.body["bundle"], reply.body["recommendations"]
        marks = {is_marked(page["title"]) for page in shown}
        known = self._answers[bundle, reply.body["url1"]]
        both = [page for page in shown if page["url"] in known]
        near = all(abs(page["score"] - known[page["url"]]) < _NEAR for page in both)
        return marks == {bundle == TWIN} and near and 2 * len(both) >= len(shown)


async def until_live(running: GatewayProcess, name: str) -> float:
    """Wait until `/readyz` reports the bundle as live; return how many seconds it took."""
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < started + _PATIENCE_S:
            async with session.get(f"{running.http}/readyz") as response:
                state = await response.json()
            if state["bundle"] == name:
                return time.monotonic() - started
            assert "refused" not in state, state
            await asyncio.sleep(0.05)
    raise AssertionError(f"{name} is not live after {_PATIENCE_S} s")


def footprint(pid: int) -> dict[str, int]:
    """Return a process's resident bytes, unshared bytes, threads and open files."""
    process = psutil.Process(pid)
    memory = process.memory_full_info()
    return {"rss": memory.rss, "uss": memory.uss, "threads": process.num_threads(), "files": process.num_fds()}
